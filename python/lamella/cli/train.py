"""``lamella train``."""

from argparse import Namespace
from pathlib import Path

import lamella as lm
from lamella._atomic import write_atomically
from lamella.cli import network, report
from lamella.cli.bundled import BUNDLED, load_bundled
from lamella.cli.dataset import Dataset, load_table
from lamella.cli.errors import CliError
from lamella.cli.learning import learn
from lamella.cli.modelfile import make_metadata
from lamella.cli.output import make_folder
from lamella.cli.page import write_page
from lamella.cli.picture import check_picture, learning_curve
from lamella.cli.preparation import prepare

MODEL_FILE = "model.safetensors"
PICTURE_FILE = "learning-curve.png"
REPORT_FILE = "report.html"


def run(args: Namespace) -> None:
    """Read, divide, train, test, write."""
    if args.lr is None:
        args.lr = network.learning_rate(args.optimizer)
    if args.validation + args.test >= 1:
        raise CliError(f"--validation {args.validation:g} and --test {args.test:g} leave no rows to train on")
    if args.batch_norm and args.layers and args.batch_size < 2:
        raise CliError("batch normalization needs a --batch-size of at least 2 (or --no-batch-norm)")
    if args.picture:
        check_picture()
    data = _load(args)
    prepared = prepare(data, args.validation, args.test, args.seed)
    folder = make_folder(args.output)
    if args.threads is not None:
        lm.set_num_threads(args.threads)
    model = network.make_model(args, prepared.inputs, prepared.target.outputs)
    report.describe_run(args, data, prepared, model)

    learned = learn(args, model, prepared)
    scores = report.describe_result(prepared, model, learned)
    lm.save(model, folder / MODEL_FILE, metadata=make_metadata(args, data, prepared, learned, scores))
    print(f"wrote {folder / MODEL_FILE}")
    if args.picture:
        write_atomically(folder / PICTURE_FILE, learning_curve(learned.history, prepared.target, learned.kept))
        print(f"wrote {folder / PICTURE_FILE}")
    if args.report:
        write_page(args, data, prepared, model, learned, folder / REPORT_FILE)
        print(f"wrote {folder / REPORT_FILE}")


def _load(args: Namespace) -> Dataset:
    if args.data not in BUNDLED:
        if not Path(args.data).exists() and not Path(args.data).suffix:
            raise CliError(f"there is no file {args.data}, and no bundled data set of this name: {', '.join(BUNDLED)}")
        return load_table(args.data, args)
    given = [f"--{name}" for name in ("target", "task", "ignore", "categorical", "delimiter") if getattr(args, name)]
    if given:
        raise CliError(f"{args.data} is a bundled data set, which {given[0]} is not for (a file: ./{args.data})")
    return load_bundled(args.data)
