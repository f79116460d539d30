"""Where callbacks write."""

import os
from pathlib import Path
from typing import Any


def checked_path(path: Any, where: str) -> Path:
    """``path`` as a Path, or an error."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise TypeError(f"[{where}] path is {path!r:.80} but must be a path")
    return Path(os.fsdecode(path))


def check_folder(path: Path, where: str) -> None:
    """Raise if nothing can be written to that file: better known before the training than after an epoch."""
    if path.is_dir():
        raise IsADirectoryError(f"[{where}] {path} is a folder, not a file")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"[{where}] there is no folder {path.absolute().parent}")
