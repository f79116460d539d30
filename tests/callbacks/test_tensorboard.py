"""TensorBoard: what its own reader finds in the files."""

import sys
import time
import warnings

import numpy as np
import pytest

from callbacks.world import fit, learner
from lamella.callbacks import TensorBoard

pytest.importorskip("tensorboardX")


@pytest.fixture(scope="module")
def read():
    """Scalars by tag as {epoch: value}, and histograms as {epoch: (least, largest, count)}, of a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def found(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = module.EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
            events.Reload()
        scalars = {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
        histograms = {
            tag: {
                e.step: (e.histogram_value.min, e.histogram_value.max, e.histogram_value.num)
                for e in events.Histograms(tag)
            }
            for tag in events.Tags()["histograms"]
        }
        return scalars, histograms

    return found


TAGS = {
    "loss": "loss/train",
    "accuracy": "accuracy/train",
    "val_loss": "loss/validation",
    "val_accuracy": "accuracy/validation",
    "seconds": "seconds",
    "lr": "lr",
}


def assert_logged(scalars, history, first=0):
    assert set(scalars) == {TAGS[key] for key in history}
    for key, values in history.items():
        logged = scalars[TAGS[key]]
        assert list(logged) == list(range(first, len(values))), key
        np.testing.assert_array_equal(list(logged.values()), np.float32(values[first:]), err_msg=key)


@pytest.mark.parametrize("every", [1, 4])
def test_scalars_by_epoch(every, read, tmp_path):
    history = fit(learner(), epochs=6, callbacks=TensorBoard(tmp_path / "run", every=every))
    scalars, histograms = read(tmp_path / "run")
    assert_logged(scalars, history)
    assert histograms == {}


def test_histograms(read, tmp_path):
    trainer = learner()
    fit(trainer, epochs=5, callbacks=TensorBoard(tmp_path, every=2, histograms=True))
    histograms = read(tmp_path)[1]
    names = [name for name, _ in trainer.model.named_parameters()]
    assert set(histograms) == {f"{kind}/{name}" for kind in ("weights", "gradients") for name in names}
    for name, parameter in trainer.model.named_parameters():
        for kind, values in (("weights", parameter.data), ("gradients", parameter.grad)):
            logged = histograms[f"{kind}/{name}"]
            assert list(logged) == [1, 3, 4]
            assert logged[4] == pytest.approx((values.min(), values.max(), values.size), rel=1e-6)


def test_weights_that_are_not_finite_are_left_out(read, tmp_path):
    trainer = learner()

    def spoil(epoch, record):
        trainer.model[0].weight.data[0, :2] = np.nan, np.inf
        trainer.model[0].bias.data[...] = np.nan

    fit(trainer, epochs=1, callbacks=[spoil, TensorBoard(tmp_path, histograms=True)])
    histograms = read(tmp_path)[1]
    assert histograms["weights/0.weight"][0][2] == 43
    assert "weights/0.bias" not in histograms


def test_going_on_hides_what_the_trainer_has_not_seen(read, tmp_path):
    first, resumed = learner(), learner()
    fit(first, epochs=3)
    first.save(tmp_path / "state")
    fit(learner(seed=5), epochs=5, callbacks=TensorBoard(tmp_path / "run"))
    resumed.load(tmp_path / "state")
    fit(resumed, epochs=4, callbacks=TensorBoard(tmp_path / "run"))
    logged = read(tmp_path / "run")[0]["loss/train"]
    assert sorted(logged) == list(range(7))
    assert [logged[i] for i in range(3, 7)] == [np.float32(value) for value in resumed.history["loss"][3:]]


def test_a_new_trainer_hides_the_old_one(read, tmp_path):
    fit(learner(seed=5), epochs=5, callbacks=TensorBoard(tmp_path))
    time.sleep(1.1)  # files are told apart by the second
    history = fit(learner(), epochs=2, callbacks=TensorBoard(tmp_path))
    assert_logged(read(tmp_path)[0], history)


def test_an_interrupted_training_has_all_its_epochs(read, tmp_path):
    trainer = learner()

    def fail(epoch, record):
        if epoch == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(trainer, callbacks=[TensorBoard(tmp_path, every=10), fail])
    assert_logged(read(tmp_path)[0], trainer.history)


def test_what_is_refused(monkeypatch, tmp_path):
    with pytest.raises(TypeError, match=r"^\[TensorBoard\] path is 3"):
        TensorBoard(3)
    with pytest.raises(TypeError, match=r"^\[TensorBoard\] histograms is 5 but must be True or False"):
        TensorBoard(tmp_path, histograms=5)
    with pytest.raises(ValueError, match=r"^\[TensorBoard\] every is 0"):
        TensorBoard(tmp_path, every=0)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'pip install "lamella\[tensorboard\]"'):
        TensorBoard(tmp_path)
