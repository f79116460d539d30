"""Writes files."""

import os
import tempfile
from pathlib import Path

from lamella.cli.errors import CliError


def make_folder(path: str) -> Path:
    """The folder, made if need be; CliError if nothing can be written there."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CliError(f"--output {path}: cannot write there: {error.strerror or error}") from error
    return folder


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is the old one or the whole new one, never half."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's 0600 would surprise
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
