"""Arguments, targets and weights that losses refuse, by hand and in a Trainer."""

import numpy as np
import pytest

import lamella as lm
from bad_input.world import N, World, refuse
from lamella import nn, optim

NAN, INF = float("nan"), float("inf")

ARGUMENTS = {
    "weight text": (lambda: nn.CrossEntropyLoss("sum"), TypeError, r"\[CrossEntropyLoss\] weight is 'sum' but must be"),
    "weight negative": (lambda: nn.CrossEntropyLoss([1, -2, 3]), ValueError, r"weight\[1\] is -2.0 but must be finite"),
    "weight NaN": (lambda: nn.NLLLoss([1, NAN]), ValueError, r"\[NLLLoss\] weight\[1\] is nan but must be finite"),
    "weight infinite": (lambda: nn.FocalLoss(weight=[INF]), ValueError, r"\[FocalLoss\] weight\[0\] is inf"),
    "weight a number": (lambda: nn.MultiMarginLoss(weight=2.0), ValueError, r"weight has shape \(\) but"),
    "weight a table": (lambda: nn.BCEWithLogitsLoss(np.ones((2, 2))), ValueError, r"weight has shape \(2, 2\) but"),
    "weight empty": (lambda: nn.BCEWithLogitsLoss([]), ValueError, r"weight has shape \(0,\) but"),
    "pos_weight": (lambda: nn.BCEWithLogitsLoss(pos_weight=[-1]), ValueError, r"pos_weight\[0\] is -1.0 but"),
    "ignore_index": (lambda: nn.CrossEntropyLoss(ignore_index=1.5), TypeError, r"ignore_index is 1.5 but .*an integer"),
    "label_smoothing": (lambda: nn.CrossEntropyLoss(label_smoothing=1.5), ValueError, r"is 1.5 but .*in \[0, 1\]"),
    "label_smoothing NaN": (lambda: nn.CrossEntropyLoss(label_smoothing=NAN), ValueError, r"label_smoothing is nan"),
    "label_smoothing text": (lambda: nn.CrossEntropyLoss(label_smoothing="a"), TypeError, r"must be a number"),
    "half": (lambda: nn.MSELoss(half=1), TypeError, r"\[MSELoss\] half is 1 but must be True or False"),
    "delta 0": (lambda: nn.HuberLoss(delta=0), ValueError, r"\[HuberLoss\] delta is 0 but must be above 0"),
    "delta negative": (lambda: nn.HuberLoss(delta=-1), ValueError, r"delta is -1 but must be above 0"),
    "beta": (lambda: nn.SmoothL1Loss(beta=-0.1), ValueError, r"\[SmoothL1Loss\] beta is -0.1 but must be at least 0"),
    "p": (lambda: nn.MultiMarginLoss(p=3), ValueError, r"\[MultiMarginLoss\] p is 3 but must be 1 or 2"),
    "p zero": (lambda: nn.MultiMarginLoss(p=0), ValueError, r"p is 0 but must be at least 1"),
    "p fraction": (lambda: nn.MultiMarginLoss(p=1.5), TypeError, r"p is 1.5 but must be an integer"),
    "margin": (lambda: nn.MultiMarginLoss(margin=INF), ValueError, r"margin is inf but must be finite"),
    "squared": (lambda: nn.HingeLoss("mean"), TypeError, r"\[HingeLoss\] squared is 'mean' but must be True or False"),
    "gamma": (lambda: nn.FocalLoss(-1), ValueError, r"\[FocalLoss\] gamma is -1 but must be at least 0"),
    "alpha": (lambda: nn.SigmoidFocalLoss(alpha=2), ValueError, r"\[SigmoidFocalLoss\] alpha is 2 but .*\[0, 1\]"),
    "batchmean": (
        lambda: nn.CrossEntropyLoss(reduction="batchmean"),
        ValueError,
        r"\[CrossEntropyLoss\] reduction is 'batchmean' but must be",
    ),
    "KL's reduction": (lambda: nn.KLDivLoss("rows"), ValueError, r"reduction is 'rows' but must be .*\"batchmean\""),
    "log_target": (lambda: nn.KLDivLoss(log_target="no"), TypeError, r"log_target is 'no' but must be True or False"),
    "full": (lambda: nn.GaussianNLLLoss(full=2), TypeError, r"full is 2 but must be True or False"),
    "eps": (lambda: nn.PoissonNLLLoss(eps=-1), ValueError, r"\[PoissonNLLLoss\] eps is -1 but must be at least 0"),
    "quantile 0": (lambda: nn.QuantileLoss(0), ValueError, r"\[QuantileLoss\] quantiles has 0.0 but .*between 0 and 1"),
    "quantile 1": (lambda: nn.QuantileLoss([0.5, 1]), ValueError, r"quantiles has 1.0 but must be between 0 and 1"),
    "quantile NaN": (lambda: nn.QuantileLoss(NAN), ValueError, r"quantiles has nan but must be between 0 and 1"),
    "no quantiles": (lambda: nn.QuantileLoss([]), ValueError, r"quantiles has shape \(0,\) but"),
    "quantiles text": (lambda: nn.QuantileLoss("median"), TypeError, r"quantiles has dtype"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments(case):
    make, kind, message = ARGUMENTS[case]
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "name", "value"),
    [
        (nn.HuberLoss(), "delta", -1),
        (nn.CrossEntropyLoss([1, 2]), "weight", [1, -2]),
        (nn.CrossEntropyLoss(), "label_smoothing", 2),
        (nn.QuantileLoss(), "quantiles", 3),
        (nn.MSELoss(), "reduction", "all"),
    ],
)
def test_settings_are_checked_when_set_later(loss, name, value):
    before = repr(loss)
    with pytest.raises(ValueError, match=rf"\[{type(loss).__name__}\] {name}"):
        setattr(loss, name, value)
    assert repr(loss) == before


def test_weights_of_a_loss_cannot_be_changed_in_place():
    loss = nn.CrossEntropyLoss([1, 2])
    with pytest.raises(ValueError, match="read-only"):
        loss.weight[0] = 5


Z = np.ones((N, 4))


def cells(value, columns=4):
    y = np.zeros((N, columns))
    y[5, -1] = value
    return y


TARGETS = {
    "weights for other classes": (
        nn.CrossEntropyLoss([1, 2]), np.zeros(N, int), ValueError, r"weight has 2 numbers but the outputs have 4"
    ),
    "pos_weight for other columns": (
        nn.BCEWithLogitsLoss(pos_weight=[1, 2, 3]), cells(0), ValueError, r"pos_weight has 3 numbers but"
    ),
    "probabilities negative": (nn.CrossEntropyLoss(), cells(-0.5), ValueError, r"y has -0.5 in row 5 but must be"),
    "probabilities NaN": (nn.CrossEntropyLoss(), cells(NAN), ValueError, r"y has nan in row 5 but must be finite"),
    "probabilities infinite": (nn.CrossEntropyLoss(), cells(INF), ValueError, r"y has inf in row 5 but must be finite"),
    "probabilities of integers": (
        nn.CrossEntropyLoss(), cells(1).astype(int), ValueError, r"y has shape \(20, 4\) but .*argmax"
    ),
    "probabilities of other classes": (
        nn.CrossEntropyLoss(), np.ones((N, 3)), ValueError, r"y has shape \(20, 3\) but .* or \(20, 4\) probabilities"
    ),
    "no probabilities": (nn.FocalLoss(), cells(1), ValueError, r"y has shape \(20, 4\) but .*argmax"),
    "an ignored label for no such loss": (
        nn.MultiMarginLoss(), np.full(N, -100), ValueError, r"y\[0\] is -100 but there are 4 classes"
    ),
    "another negative label": (
        nn.CrossEntropyLoss(ignore_index=-1), np.full(N, -100), ValueError, r"y\[0\] is -100 but there are 4 classes"
    ),
    "hinge of 0 and 1": (
        nn.HingeLoss(), cells(1), ValueError, r"y has 0.0 in row 0 but must be -1 or 1; .* 2 \* y - 1"
    ),
    "counts negative": (nn.PoissonNLLLoss(), cells(-1), ValueError, r"y has -1.0 in row 5 but .*at least 0"),
    "divergence from negatives": (nn.KLDivLoss(), cells(-1), ValueError, r"y has -1.0 in row 5"),
    "focal beyond 1": (nn.SigmoidFocalLoss(), cells(1.5), ValueError, r"y has 1.5 in row 5 but must be in \[0, 1\]"),
    "targets for means alone": (
        nn.GaussianNLLLoss(), cells(0), ValueError, r"y has shape \(20, 4\) but \(20, 2\) is expected for outputs"
    ),
    "quantiles that do not fit": (
        nn.QuantileLoss([0.1, 0.5, 0.9]), cells(0), ValueError, r"4 columns but 3 quantiles need a multiple of 3"
    ),
    "targets of quantiles": (
        nn.QuantileLoss([0.1, 0.9]), cells(0), ValueError, r"y has shape \(20, 4\) but \(20, 2\) is expected"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TARGETS)
def test_targets(case):
    loss, y, kind, message = TARGETS[case]
    with pytest.raises(kind, match=message):
        loss(Z, y)
    model = nn.Sequential(nn.Linear(6, 4), seed=0)
    trainer = lm.Trainer(model, loss, optim.SGD(model.parameters()))
    before = model.state_dict()["0.weight"]
    x = np.ones((N, 6))
    for use in (trainer.step, trainer.fit, trainer.evaluate):
        with pytest.raises(kind, match=message):
            use(x, y)
    np.testing.assert_array_equal(model.state_dict()["0.weight"], before)


def test_means_and_variances_come_in_pairs():
    with pytest.raises(ValueError, match=r"the outputs have 3 columns but means and logarithms .* a multiple of 2"):
        nn.GaussianNLLLoss()(np.ones((N, 3)), np.ones(N))


def weight(value):
    weights = np.ones(N)
    weights[6] = value
    return weights


WEIGHTS = {
    "too few": (lambda: np.ones(N - 1), ValueError, r"sample_weight has shape \(19,\) but \(20,\) is expected"),
    "a column": (lambda: np.ones((N, 1)), ValueError, r"sample_weight has shape \(20, 1\) but \(20,\)"),
    "a number": (lambda: 2.0, ValueError, r"sample_weight has shape \(\) but \(20,\)"),
    "negative": (lambda: weight(-1), ValueError, r"sample_weight\[6\] is -1.0 but must be finite and at least 0"),
    "NaN": (lambda: weight(NAN), ValueError, r"sample_weight\[6\] is nan but must be finite"),
    "infinite": (lambda: weight(INF), ValueError, r"sample_weight\[6\] is inf but must be finite"),
    "too large": (lambda: weight(1e300), ValueError, r"sample_weight\[6\] is 1e\+300 but must be finite"),
    "text": (lambda: ["a"] * N, TypeError, r"sample_weight has dtype <U1 but numbers"),
    "a mapping": (lambda: {0: 1.0}, TypeError, r"sample_weight "),
}

WEIGHT_USES = {
    "loss": lambda w, weight: w.loss(np.zeros((N, 3), np.float32), w.y, weight),
    "step": lambda w, weight: w.trainer.step(w.x, w.y, weight),
    "fit": lambda w, weight: w.trainer.fit(w.x, w.y, sample_weight=weight),
    "validation": lambda w, weight: w.trainer.fit(w.x, w.y, validation_data=(w.x, w.y, weight)),
    "evaluate": lambda w, weight: w.trainer.evaluate(w.x, w.y, weight),
}


@pytest.mark.parametrize("use", WEIGHT_USES)
@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_of_rows(case, use, world):
    make, kind, message = WEIGHTS[case]
    refuse(world, lambda w: WEIGHT_USES[use](w, make()), kind, rf"^\[.*\] {message}")


def test_a_trainer_takes_no_loss_without_reduction():
    world = World()
    message = r'^\[Trainer\] loss \(CrossEntropyLoss\) has reduction "none"'
    with pytest.raises(ValueError, match=message):
        lm.Trainer(world.model, nn.CrossEntropyLoss(reduction="none"), world.optimizer)
    world.loss.reduction = "none"
    before = world.model.state_dict()
    for use in (world.trainer.step, world.trainer.fit, world.trainer.evaluate):
        with pytest.raises(ValueError, match=message):
            use(world.x, world.y)
    for key, value in world.model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    ("loss", "upstream", "shape"),
    [
        (nn.MSELoss(), [1.0], r"\(1,\) but the loss had \(\)"),
        (nn.MSELoss("none"), 1.0, r"\(\) but the loss had \(20, 4\)"),
        (nn.MSELoss("none"), np.ones(N), r"\(20,\) but the loss had \(20, 4\)"),
        (nn.GaussianNLLLoss(reduction="none"), Z, r"\(20, 4\) but the loss had \(20, 2\)"),
    ],
)
def test_upstream(loss, upstream, shape):
    loss(Z, np.zeros((N, loss.target_width(4))))
    with pytest.raises(ValueError, match=rf"^\[{type(loss).__name__}\] upstream has shape {shape}"):
        loss.backward(upstream)
    with pytest.raises(TypeError, match=r"upstream has dtype"):
        loss.backward("ones")
