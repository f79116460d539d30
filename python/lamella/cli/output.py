"""Where files are written."""

import tempfile
from pathlib import Path

from lamella.cli.errors import CliError


def make_folder(path: str) -> Path:
    """The folder, made if need be; CliError if nothing can be written there."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_writing(folder)
    except OSError as error:
        raise CliError(f"--output {path}: cannot write there: {error.strerror or error}") from error
    return folder


def check_file(path: str, option: str) -> None:
    """CliError if the file cannot be written: better known before the work than after it."""
    try:
        if Path(path).is_dir():
            raise IsADirectoryError("it is a folder")
        _try_writing(Path(path).parent)
    except OSError as error:
        raise CliError(f"{option} {path}: cannot write there: {error.strerror or error}") from error


def _try_writing(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass
