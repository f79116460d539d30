"""What the user can put right."""


class CliError(Exception):
    """Shown as one line on stderr; the tool then ends with exit code 2."""


def needs_extra(package: str, purpose: str, instead: str = "") -> CliError:
    """The error for an optional package that is not installed."""
    return CliError(f'{purpose} needs {package}, which is not installed: pip install "lamella[train]"{instead}')
