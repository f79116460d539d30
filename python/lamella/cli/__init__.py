"""The command-line tool."""

import os
import sys

from lamella.cli.errors import CliError
from lamella.trainer import DivergenceError

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run ``lamella`` with these arguments (by default the process's); the exit code.

    Returns
    -------
    int
        0: done. 1: the training diverged, or nobody read the output to its end. 2: wrong arguments or data. 130:
        interrupted (Ctrl-C).
    """
    from lamella.cli.arguments import make_parser

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding.lower().replace("-", "") != "utf8" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    try:
        parser = make_parser()
        args = parser.parse_args(argv)
        if not hasattr(args, "run"):
            parser.print_help(sys.stderr)
            return 2
        args.run(args)
        sys.stdout.flush()
    except CliError as error:
        return _fail(str(error), 2)
    except DivergenceError:
        return _fail(f"the training diverged: try a lower --lr than {args.lr:g}", 1)
    except MemoryError:
        return _fail("the table and the network do not fit into memory", 2)
    except BrokenPipeError:
        # Python flushes stdout once more at exit; let that go nowhere instead of failing there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, for one
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(message: str, code: int) -> int:
    print("lamella:", " ".join(message.split("\n")), file=sys.stderr)
    return code
