"""The commands and their options."""

import argparse
from typing import Any

from lamella._version import __version__
from lamella.bench.systems import SYSTEMS
from lamella.bench.workloads import WORKLOADS
from lamella.cli import info, predict, train
from lamella.cli.bundled import BUNDLED
from lamella.cli.missing import POLICIES
from lamella.cli.network import ACTIVATIONS, OPTIMIZERS, learning_rate
from lamella.cli.options import Parser, delimiter, file_name, layers, names, positive, share, whole


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``lamella``; ``run`` of what it parses is the command's function."""
    parser = Parser(prog="lamella", description="Trains dense neural networks on tables, and predicts with them.")
    parser.add_argument("--version", action="version", version=f"lamella {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    _add_train(commands)
    _add_predict(commands)
    _add_info(commands)
    _add_bench(commands)
    return parser


def _add_train(commands: Any) -> None:
    sets = "; ".join(f"{name}: {what}" for name, what in BUNDLED.items())
    parser = commands.add_parser(
        "train",
        help="train a network on a table or a bundled data set",
        description="Trains a network; writes model.safetensors, learning-curve.png and report.html into a folder.",
        epilog=f"Bundled data sets. {sets}.",
    )
    parser.set_defaults(run=train.run)
    parser.add_argument("data", metavar="DATA", help="a bundled data set, or a table: delimited text with a header row")
    rates = ", ".join(f"{learning_rate(name):g} for {name}" for name in ("adam", "sgd", "rmsprop"))

    table = parser.add_argument_group("the table")
    table.add_argument("--target", metavar="COLUMN", help="the column to predict; required with a table")
    table.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="by default told from the target: text and few whole numbers are classes",
    )
    table.add_argument(
        "--ignore", metavar="COLUMN", action="append", default=[], help="leave this column out; may be repeated"
    )
    table.add_argument(
        "--categorical",
        metavar="COLUMN",
        action="append",
        default=[],
        help="take this column as categories, whatever it holds; may be repeated",
    )
    table.add_argument(
        "--missing",
        choices=POLICIES,
        default="error",
        help="what to do about missing values: refuse (default), drop the rows, or fill in the training mean (for "
        "categories: none)",
    )
    _add_reading(table, "default: .", ".")

    network = parser.add_argument_group("the network")
    network.add_argument(
        "--layers", type=layers, default=[256, 128], metavar="N,N,...", help="hidden layers, or none (default: 256,128)"
    )
    network.add_argument(
        "--activation",
        choices=tuple(ACTIVATIONS),
        default="relu",
        metavar="NAME",
        help=f"of the hidden layers: {', '.join(ACTIVATIONS)} (default: relu)",
    )
    network.add_argument(
        "--dropout", type=share, default=0.3, metavar="P", help="after each hidden layer (default: 0.3; 0: none)"
    )
    network.add_argument(
        "--batch-norm",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="batch normalization in each hidden layer (default: yes)",
    )

    training = parser.add_argument_group("the training")
    training.add_argument(
        "--optimizer",
        choices=tuple(OPTIMIZERS),
        default="adam",
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)} (default: adam); sgd has momentum 0.9",
    )
    training.add_argument(
        "--lr", type=positive, metavar="RATE", help=f"learning rate (default: {rates}; others: what is usual for them)"
    )
    training.add_argument("--epochs", type=whole(1), default=60, metavar="N", help="passes over the data (default: 60)")
    training.add_argument("--batch-size", type=whole(1), default=32, metavar="N", help="rows a step (default: 32)")
    training.add_argument(
        "--keep",
        choices=("best", "last"),
        default="best",
        help="weights of which epoch: the best on the validation rows (by accuracy, or RMSE; default), or the last",
    )
    training.add_argument(
        "--validation", type=share, default=0.1, metavar="SHARE", help="share of the rows (default: 0.1; 0: none)"
    )
    training.add_argument(
        "--test", type=share, default=0.15, metavar="SHARE", help="share of the rows (default: 0.15; 0: none)"
    )
    training.add_argument(
        "--seed",
        type=whole(0, 2**64 - 1),
        default=0,
        metavar="N",
        help="of split, weights, order and dropout (default: 0)",
    )
    training.add_argument(
        "--threads", type=whole(1, 1024), metavar="N", help="most threads to use (default: all there are)"
    )

    output = parser.add_argument_group("the output")
    output.add_argument(
        "-o", "--output", default="lamella-out", metavar="FOLDER", help="where to write (default: lamella-out)"
    )
    output.add_argument("--no-picture", dest="picture", action="store_false", help="write no learning curve")
    output.add_argument(
        "--report",
        action="store_true",
        help="write report.html, too: curves, scores, what goes on inside the network, where the time goes",
    )


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="predict the rows of a table with a trained model",
        description="Predicts each row of a table. If the table has the target, too, prints the score on stderr.",
    )
    parser.set_defaults(run=predict.run)
    parser.add_argument("model", metavar="MODEL", help="a model file that lamella train wrote")
    parser.add_argument("table", metavar="TABLE", help="delimited text with a header row")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the predictions (default: stdout)")
    parser.add_argument(
        "--missing",
        choices=("error", "mean"),
        help="what to do about missing values: refuse, or fill in the training mean (default: mean if the model was "
        "trained so, else error)",
    )
    _add_reading(parser, "default: as in training", None)


def _add_info(commands: Any) -> None:
    parser = commands.add_parser(
        "info",
        help="show the installation, or what is in a model file",
        description="Shows version, instruction set and threads; of a model file, layers and what it learned from.",
    )
    parser.set_defaults(run=info.run)
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a model file")


def _run_bench(args: argparse.Namespace) -> None:
    from lamella.cli import bench  # imported late: the other commands need nothing of it

    bench.run(args)


def _add_bench(commands: Any) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure training steps here, beside other libraries that are installed",
        description="Measures whole training steps of lamella and of PyTorch (eager and compiled), JAX and NumPy, as "
        "far as they are installed; prints a table and draws it.",
    )
    parser.set_defaults(run=_run_bench)
    parser.add_argument(
        "--workloads",
        type=names(WORKLOADS, "workloads"),
        default=list(WORKLOADS),
        metavar="NAME,...",
        help=f"of {', '.join(WORKLOADS)} (default: all)",
    )
    parser.add_argument(
        "--systems",
        type=names(SYSTEMS, "systems"),
        metavar="NAME,...",
        help=f"of {', '.join(SYSTEMS)} (default: all that are installed); lamella always takes part",
    )
    parser.add_argument(
        "--threads", type=whole(1, 1024), metavar="N", help="most threads, and cores, to use (default: all there are)"
    )
    parser.add_argument(
        "--rounds", type=whole(1), default=5, metavar="N", help="blocks of steps of each system (default: 5)"
    )
    parser.add_argument(
        "-o", "--output", type=file_name(".md"), metavar="FILE", help="write the whole table there, as Markdown"
    )
    parser.add_argument(
        "--picture",
        type=file_name(".png", ".svg"),
        default="bench.png",
        metavar="FILE",
        help="where to draw it, .png or .svg (default: bench.png)",
    )
    parser.add_argument("--no-picture", dest="picture", action="store_const", const=None, help="draw nothing")


def _add_reading(parser: Any, default_text: str, default: str | None) -> None:
    parser.add_argument(
        "--delimiter",
        type=delimiter,
        metavar="C",
        help="between fields: comma, semicolon, tab, bar, or any one character (default: found out)",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), default=default, help=f"the decimal mark of numbers ({default_text})"
    )
