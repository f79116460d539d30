"""The figures in the sections: scores, confusion matrices, residuals, hidden units, weights, times."""

import re

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.bench import limits
from lamella.reporting import classes, numbers
from lamella.reporting.hidden import hidden_layers, mean_correlation
from lamella.reporting.judgement import Classes, Labels, Numbers, judge
from lamella.reporting.page import _subject
from lamella.reporting.subject import even_sample
from lamella.reporting.timing import time_step, timing
from lamella.reporting.weights import first_linear, guess_shape, weight_images
from report.world import blobs, read, rows


def subject(model, data, loss=None, trainer=None):
    return _subject(None, model, data, trainer, loss, None)


def judged(model, x, y, loss):
    made = subject(model, (x, y), loss)
    return judge(made, made.parts[0])


def test_scores_are_those_of_evaluation(classified, tmp_path):
    page = read(lm.report(classified.history, classified.model, classified.data, tmp_path / "r.html",
                          trainer=classified.trainer).read_text())  # fmt: skip
    table = rows(page.section("score"))[0]
    assert table[0] == ["rows", "number", "loss", "accuracy"]
    for row, (name, (x, y)) in zip(table[1:], classified.data.items(), strict=True):
        found = classified.trainer.evaluate(x, y)
        assert row == [
            name,
            str(len(x)),
            f"{found['loss']:.5g}",
            f"{100 * found['accuracy']:.1f}%".replace("100.0", "100"),
        ]


def test_the_confusion_matrix_is_that_of_the_test_rows(classified, tmp_path):
    page = read(lm.report(classified.history, classified.model, classified.data, tmp_path / "r.html",
                          classes=["a", "b", "c"]).read_text())  # fmt: skip
    x, y = classified.data["test"]
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (y, classified.model.predict(x).argmax(1)), 1)
    table = next(table for table in rows(page.section("score")) if table[0][0].startswith("true"))
    assert table[0][1:] == ["a", "b", "c"]
    assert [[int(cell) for cell in row[1:]] for row in table[1:]] == expected.tolist()
    assert "Confusion matrix, test rows" in page.text


def test_precision_recall_and_f1(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, said = rng.integers(4, size=200), rng.integers(4, size=200)
    table = rows(classes.classes(Classes(truth, said, list("abcd")), "all rows"))[-1]
    expected = metrics.precision_recall_fscore_support(truth, said)
    for k, row in enumerate(table[1:]):
        assert row[:2] == ["abcd"[k], str(expected[3][k])]
        assert [float(cell) for cell in row[2:]] == pytest.approx([expected[i][k] for i in range(3)], rel=5e-3)


def test_many_classes_are_a_picture(rng):
    truth = rng.integers(40, size=500)
    made = classes.classes(Classes(truth, np.where(rng.random(500) < 0.8, truth, 3), list(map(str, range(40)))), "all")
    assert made.count("<image") == 1
    mistakes = rows(made)[0]
    assert mistakes[0][:2] == ["true", "predicted"]
    assert {row[1] for row in mistakes[1:]} == {"3"}


def test_a_class_that_never_comes_is_no_number():
    table = rows(classes.classes(Classes(np.array([0, 0]), np.array([0, 0]), ["a", "b", "c"]), "all"))[-1]
    assert table[1][2:] == ["1", "1", "1"]
    assert table[2][2:] == ["–", "–", "–"]


@pytest.mark.parametrize(("loss", "targets", "width", "kind"), [
    (nn.CrossEntropyLoss(), np.array([0, 2, -100, 1]), 3, Classes),
    (nn.CrossEntropyLoss(), np.eye(3)[[0, 2, 1, 1]], 3, Classes),
    (nn.KLDivLoss(), np.eye(3)[[0, 2, 1, 1]], 3, Classes),
    (nn.MultiMarginLoss(), np.array([0, 2, 1, 1]), 3, Classes),
    (nn.BCEWithLogitsLoss(), np.array([0, 1, 1, 0]), 1, Classes),
    (nn.BCEWithLogitsLoss(), np.eye(3)[[0, 2, 1, 1]], 3, Labels),
    (nn.HingeLoss(), np.array([1, -1, -1, 1]), 1, Classes),
    (nn.MSELoss(), np.array([0.5, 2, -1, 1]), 1, Numbers),
    (nn.L1Loss(), np.arange(8.0).reshape(4, 2), 2, Numbers),
    (nn.GaussianNLLLoss(), np.array([0.5, 2, -1, 1]), 2, Numbers),
    (nn.PoissonNLLLoss(), np.array([1, 2, 3, 0]), 1, Numbers),
    (nn.QuantileLoss([0.1, 0.5, 0.9]), np.array([0.5, 2, -1, 1]), 3, None),
], ids=lambda value: type(value).__name__ if isinstance(value, nn.Loss) else None)  # fmt: skip
def test_every_loss_is_read(rng, tmp_path, loss, targets, width, kind):
    x = rng.normal(size=(4, 5)).astype(np.float32)
    model = nn.Sequential(nn.Linear(5, width), seed=1)
    found = judged(model, x, targets, loss)
    if kind is not None:
        assert isinstance(found, kind)
        assert len(found.truth) == (3 if -100 in targets else 4)
    page = read(lm.report(None, model, {"train": (x, targets), "val": (x, targets)}, tmp_path / "r.html", loss=loss,
                          timing=False).read_text())  # fmt: skip
    assert "score" in page.sections


def test_yes_or_no_is_told_at_the_threshold(rng):
    x = rng.normal(size=(50, 4))
    y = rng.integers(2, size=50)
    model = nn.Sequential(nn.Linear(4, 1), seed=1)
    for loss, targets in ((nn.BCEWithLogitsLoss(), y), (nn.HingeLoss(), 2 * y - 1)):
        found = judged(model, x, targets, loss)
        np.testing.assert_array_equal(found.truth, y)
        np.testing.assert_array_equal(found.said, model.predict(x)[:, 0] > 0)
        assert found.names == ["no", "yes"]


def test_labels_by_output(rng):
    truth, said = rng.random((60, 3)) < 0.5, rng.random((60, 3)) < 0.5
    made = classes.labels(Labels(truth, said, ["a", "b", "c"]), "all rows")
    row = rows(made)[0][2]
    hits = (truth & said)[:, 1].sum()
    assert row[0] == "b"
    assert float(row[3]) == pytest.approx(hits / said[:, 1].sum(), abs=1e-3)
    assert float(row[4]) == pytest.approx(hits / truth[:, 1].sum(), abs=1e-3)


def test_regressions_are_shown_in_their_own_units(regressed, tmp_path):
    x, y = regressed.data["test"]
    truth, said = 100 * y[:, 0] + 7, 100 * regressed.model.predict(x)[:, 0] + 7
    given = {"loss": nn.MSELoss(), "decode": lambda values: values * 100 + 7, "classes": ["price"]}
    page = read(lm.report(regressed.history, regressed.model, regressed.data, tmp_path / "r.html", **given).read_text())
    row = rows(page.section("score"))[1][1]
    errors = said - truth
    expected = [1 - (errors**2).mean() / truth.var(), np.sqrt((errors**2).mean()), np.abs(errors).mean(), errors.mean()]
    assert row[0] == "price"
    assert [float(cell.replace("−", "-").replace(",", "")) for cell in row[1:]] == pytest.approx(expected, rel=1e-3)


def test_r2_of_each_part(regressed, tmp_path):
    page = read(lm.report(regressed.history, regressed.model, regressed.data, tmp_path / "r.html").read_text())
    table = rows(page.section("score"))[0]
    assert table[0] == ["rows", "number", "loss", "mse", "R²"]
    for row, (x, y) in zip(table[1:], regressed.data.values(), strict=True):
        r2 = 1 - ((regressed.model.predict(x) - y) ** 2).mean() / y.var()
        assert float(row[4].replace("−", "-")) == pytest.approx(r2, abs=1e-4)


def test_sparse_rows(classified, tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    x, y = classified.data["test"]
    dense = np.where(np.abs(x) > 1, x, 0)
    found = [
        read(lm.report(None, classified.model, {"test": (each, y)}, tmp_path / "r.html", timing=False).read_text())
        for each in (dense, sparse.csr_array(dense), sparse.coo_matrix(dense))
    ]
    assert found[0].section("score") == found[1].section("score") == found[2].section("score")
    with pytest.raises(ValueError, match="x has 48 rows but y"):
        lm.report(None, classified.model, {"test": (sparse.csr_array(dense), y[:5])}, tmp_path / "r.html")


def test_points_and_bars_of_residuals(rng):
    truth = rng.normal(size=(4000, 1))
    made = numbers.numbers(Numbers(truth, truth + rng.normal(size=(4000, 1)), ["y"]), "all rows")
    assert "1,500 of 4,000 rows" in made
    dots = max(re.findall(r' d="(M[^"]*)"', made), key=len)
    assert dots.count("h0") == 1500


@pytest.mark.parametrize("values", [np.zeros((5, 1)), np.ones((1, 2)), np.array([[1e300], [-1e300]])])
def test_residuals_of_anything(values):
    made = numbers.numbers(Numbers(values, values, ["a"] * values.shape[1]), "all")
    assert "nan" not in made


def test_hidden_layers_are_taken_after_their_activations(rng):
    model = nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 6), nn.Sequential(nn.Tanh()),
        nn.Linear(6, 2), nn.Softmax(), seed=0,
    ).eval()  # fmt: skip
    x = rng.normal(size=(7, 4)).astype(np.float32)
    found = hidden_layers(model, x)
    assert list(found) == ["2 ReLU", "5.0 Tanh"]
    np.testing.assert_array_equal(found["2 ReLU"], model[:3](x))
    np.testing.assert_array_equal(found["5.0 Tanh"], model[:6](x))


def test_mean_correlation(rng):
    units = rng.normal(size=(4, 300))
    expected = np.abs(np.corrcoef(units))[np.triu_indices(4, 1)].mean()
    assert mean_correlation(units) == pytest.approx(expected)
    assert mean_correlation(np.stack([units[0], 2 * units[0] + 1, np.zeros(300)])) == pytest.approx(1)
    assert np.isnan(mean_correlation(np.zeros((3, 5))))


def smooth_images(n, side, rng):
    noise = rng.normal(size=(n, side + 2, side + 2))
    return sum(noise[:, i : i + side, j : j + side] for i in range(3) for j in range(3)).reshape(n, -1)


def test_squares_are_images_only_if_neighbours_are_alike(rng):
    images = smooth_images(200, 9, rng)
    assert guess_shape(images) == (9, 9)
    assert guess_shape(images[:, rng.permutation(81)]) is None
    assert guess_shape(rng.normal(size=(200, 81))) is None
    assert guess_shape(rng.normal(size=(200, 1)) + np.zeros((200, 81))) is None  # all the same
    assert guess_shape(smooth_images(200, 5, rng)) is None
    assert guess_shape(images[:, :80]) is None


@pytest.mark.parametrize(("shape", "features"), [((4, 3), 12), ((2, 2, 3), 12), ((90, 70), 6300)])
def test_weights_as_images(rng, shape, features):
    model = nn.Sequential(nn.Dropout(0.1), nn.Linear(features, 70), nn.ReLU(), nn.Linear(70, 2), seed=0)
    made = subject(model, (rng.normal(size=(5, features)), np.zeros(5, int)))
    assert weight_images(made) is None
    made.image_shape = shape
    content = weight_images(made).content
    assert content.count("<image") == 64
    assert "The 64 of 70 units" in content
    made.image_shape = (5, 5)
    assert weight_images(made) is None


def test_the_first_layer_must_see_the_inputs_themselves():
    assert first_linear(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 3))).in_features == 4
    assert first_linear(nn.Sequential(nn.Sequential(nn.Linear(4, 3)))).in_features == 4
    assert first_linear(nn.Sequential(nn.Embedding(5, 4, columns=[0], in_features=3), nn.Linear(6, 3))) is None
    assert first_linear(nn.Sequential(nn.Concat(nn.Linear(4, 2), nn.Linear(4, 2)), nn.Linear(4, 3))) is None
    assert first_linear(nn.ReLU()) is None


def test_each_op_of_a_step_is_timed(classified):
    made = subject(classified.model, classified.data, trainer=classified.trainer)
    found = time_step(made, made.parts[0])
    program = classified.trainer._step.program
    assert [(op.range, op.name) for op in found.ops] == [(range_, name) for range_, name, _ in program.ops]
    assert [op.range for op in found.ops] == sorted(
        (op.range for op in found.ops), key=["forward", "loss", "backward", "update"].index
    )
    assert found.rows == 16
    assert all(op.seconds > 0 for op in found.ops)
    products = [op.multiply_adds for op in found.ops if op.name.startswith("linear_forward")]
    assert products == [16 * 16 * 24, 16 * 24 * 12, 16 * 12 * 3]


def test_no_op_is_faster_than_the_limit(classified, monkeypatch):
    """As if something else had run while that was measured."""
    monkeypatch.setattr(limits, "measure", lambda threads: limits.Limits(threads, 1.0, 1.0))
    section = timing(subject(classified.model, classified.data, trainer=classified.trainer))
    shares = [row[5] for row in rows(str(section.content))[0][1:]]
    assert "100%" in shares
    assert all(share == "–" or float(share.rstrip("%")) <= 100 for share in shares)


def test_without_a_trainer_there_is_no_update(classified):
    made = subject(classified.model, classified.data)
    assert {op.range for op in time_step(made, made.parts[0]).ops} == {"forward", "loss", "backward"}


def test_steps_that_accumulate_are_timed():
    x, y = blobs(64)
    model = nn.Sequential(nn.Linear(16, 3), seed=0)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), accumulate=2)
    trainer.fit(x, y)
    made = subject(model, (x, y), trainer=trainer)
    assert "update" in {op.range for op in time_step(made, made.parts[0]).ops}


def test_too_few_rows_for_batch_normalization_are_not_timed():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), seed=0)
    made = subject(model, (np.zeros((1, 2)), np.zeros(1, int)))
    assert time_step(made, made.parts[0]) is None


def test_even_samples():
    assert even_sample(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert even_sample(0, 10).tolist() == []
    chosen = even_sample(1000, 7)
    assert (len(chosen), chosen[0], chosen[-1]) == (7, 0, 999)
    assert (np.diff(chosen) > 100).all()


def test_bias_and_variance_are_read(classified, tmp_path):
    page = read(lm.report(classified.history, classified.model, classified.data, tmp_path / "r.html",
                          target=1.0).read_text())  # fmt: skip
    table = rows(page.section("bias"))[0]
    errors = {row[0]: row[1] for row in table[1:]}
    assert list(errors) == ["wanted", "training", "validation", "test"]
    x, y = classified.data["validation"]
    wrong = 1 - classified.trainer.evaluate(x, y)["accuracy"]
    assert errors["validation"] == (f"{100 * wrong:.1f}%" if wrong else "0%")


def test_layers_are_looked_at_without_a_recorder(classified, tmp_path):
    page = read(lm.report(None, classified.model, classified.data, tmp_path / "r.html").read_text())
    table = rows(page.section("units"))[0]
    assert [row[0] for row in table[1:]][:3] == ["0 Linear", "1 BatchNorm1d", "2 ReLU"]
    assert "Layers at the end" in page.text
