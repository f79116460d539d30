"""What ``lamella train`` prints before and after the training."""

from argparse import Namespace

import lamella as lm
from lamella import _core, nn
from lamella.cli import network
from lamella.cli.dataset import Dataset
from lamella.cli.features import CategoryFeature, NumericFeature
from lamella.cli.learning import Learned
from lamella.cli.preparation import Prepared
from lamella.cli.target import ClassTarget
from lamella.cli.wording import counted, quoted


def describe_run(args: Namespace, data: Dataset, prepared: Prepared, model: nn.Module) -> None:
    """Print what is learned from and with what."""
    target = prepared.target
    what = f"{target.outputs} classes" if isinstance(target, ClassTarget) else f"mean {target.mean:.6g}"
    print(f"{data.name}: {len(data)} rows, {_columns(prepared, data)}; {target.task} of {quoted(target.name)}, {what}")
    for remark in data.remarks:
        print(remark)
    parts = {"training": prepared.training, "validation": prepared.validation, "test": prepared.test}
    shares = ", ".join(f"{len(part)} {name}" for name, part in parts.items() if part is not None)
    print(f"rows: {shares}; seed {args.seed}")
    print(f"network: {network.describe(args, model, prepared.inputs, target.outputs)}", flush=True)


def _columns(prepared: Prepared, data: Dataset) -> str:
    numeric = [feature for feature in prepared.features if isinstance(feature, NumericFeature)]
    categorical = [feature for feature in prepared.features if isinstance(feature, CategoryFeature)]
    constant = [column for column in data.features if bool((column.values == column.values[0]).all())]
    texts = [counted(len(numeric), "numeric column")] if numeric else []
    if categorical:
        total = counted(sum(feature.width for feature in categorical), "category", "categories")
        texts.append(f"{counted(len(categorical), 'categorical column')} ({total})")
    note = f" ({len(constant)} constant)" if constant else ""
    return " and ".join(texts) + note


def describe_result(prepared: Prepared, model: nn.Module, learned: Learned) -> dict[str, float]:
    """Print what came out; the test scores, if there is a test part."""
    epochs = learned.history.epochs
    if learned.kept != epochs - 1:
        print(f"kept the weights of epoch {learned.kept + 1} of {epochs}, the best on the validation rows")
    scores = {}
    if prepared.test is not None:
        scores = prepared.target.scores(model.predict(prepared.test.x), prepared.test.truth)
        print(f"test {prepared.target.describe_scores(scores)}")
    rows, seconds, threads = len(prepared.training), sum(learned.history["seconds"]), lm.get_num_threads()
    print(
        f"speed: {rows * epochs / seconds:,.0f} samples per second ({rows} rows x {epochs} epochs in {seconds:.3g} s "
        f"of training); {_core.isa()}, {'1 thread' if threads == 1 else f'up to {threads} threads'}"
    )
    return scores
