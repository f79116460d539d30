"""Where files are written."""

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
