"""Writes files whole or not at all."""

import os


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that it is the old one or the whole new one, never half."""
    import tempfile  # at first use: it would be a good part of the import of lamella

    folder, name = os.path.split(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's 0600 would surprise
        os.replace(temporary, os.path.join(folder, name))
    except BaseException:
        os.unlink(temporary)
        raise
