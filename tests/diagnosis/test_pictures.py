"""Pictures: that they show what they say, and what they cannot show."""

import sys

import numpy as np
import pytest

import lamella as lm
from diagnosis.world import classes, network, trainer
from lamella import nn
from lamella.diagnosis import Recorder, activations, inspect, plot_histograms, plot_units, plot_weights

figure = pytest.importorskip("matplotlib.figure")


@pytest.fixture(scope="module")
def recorded():
    x, y = classes()
    recorder, world = Recorder(), trainer(network(activation=nn.Tanh))
    history = world.fit(x, y, epochs=3, validation_data=(x[:50], y[:50]), patience=5, callbacks=recorder)
    return world, history, recorder


def test_learning_curves(recorded, tmp_path):
    _, history, _ = recorded
    axes = history.plot()
    assert [axis.get_ylabel() for axis in axes] == ["loss", "accuracy"]
    for axis, key in zip(axes, ("loss", "accuracy"), strict=True):
        np.testing.assert_array_equal(axis.lines[0].get_ydata(), history[key])
        np.testing.assert_array_equal(axis.lines[1].get_ydata(), history[f"val_{key}"])
        np.testing.assert_array_equal(axis.lines[0].get_xdata(), [1, 2, 3])
        texts = [text.get_text() for text in axis.get_legend().get_texts()]
        assert texts == ["training", "validation", f"best: {history.best_epoch + 1}"]
    axes[0].figure.savefig(tmp_path / "curves.png")
    given = figure.Figure().subplots(1, 2)
    assert history.plot(given) == list(given)
    with pytest.raises(ValueError, match=r"\[History.plot\] axes has 1 but 2 are needed: for loss and accuracy"):
        history.plot(given[0])


def test_learning_curves_of_little():
    with pytest.raises(ValueError, match=r"\[History.plot\] there are no epochs to draw"):
        lm.History().plot()
    history = lm.History(loss=[2.0], mse=[4.0], seconds=[0.1], lr=[0.1], penalty=[0.2])
    assert [axis.get_ylabel() for axis in history.plot()] == ["loss", "mse"]
    falling = lm.History(loss=[100.0, np.nan, 1.0], mse=[1.0, 1.0, 1.0])
    assert falling.plot()[0].get_yscale() == "log"


def test_units_and_samples(recorded):
    world, *_ = recorded
    x, y = classes(40)
    values = activations(world.model, x)["1"]
    image = plot_units(values).images[0]
    np.testing.assert_array_equal(image.get_array(), values.T)
    assert image.norm.vmin == -image.norm.vmax == -np.abs(values).max()
    sorted_ = plot_units(values, y)
    np.testing.assert_array_equal(sorted_.images[0].get_array(), values[np.argsort(y, kind="stable")].T)
    assert sorted_.get_xlabel() == "sample, by class"
    assert plot_units(np.abs(values)).images[0].norm.vmin == 0
    with pytest.raises(ValueError, match=r"\[plot_units\] y has shape \(39,\) but \(40,\) is expected"):
        plot_units(values, y[1:])
    with pytest.raises(ValueError, match=r"\[plot_units\] values has shape \(4,\)"):
        plot_units(np.ones(4))


def test_weights_as_images(rng):
    weight = rng.standard_normal((10, 12))
    shown = plot_weights(weight, (3, 4), count=5)
    drawn = [axis for axis in shown.axes if axis.images]
    assert len(drawn) == 5
    np.testing.assert_array_equal(drawn[2].images[0].get_array(), weight[2].reshape(3, 4))
    colours = plot_weights(weight, (2, 2, 3)).axes[0].images[0].get_array()
    assert colours.shape == (2, 2, 3)
    assert 0 <= colours.min() < colours.max() <= 1
    assert plot_weights(np.zeros((2, 9))).axes[0].images[0].get_array().shape == (3, 3)
    for arguments, message in [
        ((weight,), r"12 features are no square: say shape=\(height, width\)"),
        ((weight, (3, 5)), r"shape is \(3, 5\) but must be"),
        ((weight, (2, 3, 2)), r"shape is \(2, 3, 2\)"),
        ((weight[0],), r"weight has shape \(12,\)"),
    ]:
        with pytest.raises(ValueError, match=rf"\[plot_weights\] {message}"):
            plot_weights(*arguments)


def test_histograms(recorded):
    world, _, recorder = recorded
    x, _ = classes()
    for of, names in (
        ("activations", [f"{name} {layer.kind}" for name, layer in recorder.last.layers.items()]),
        ("gradients", [f"{name} {layer.kind}" for name, layer in recorder.last.layers.items()]),
        ("weights", list(recorder.last.parameters)),
    ):
        shown = plot_histograms(recorder, of)
        axes = [axis for axis in shown.axes if axis.get_title()]
        assert [axis.get_title() for axis in axes] == names
        assert all(len(axis.patches) == 4 for axis in axes)
    one = plot_histograms(inspect(world.model, x))
    assert len(one.axes[0].patches) == 1
    with pytest.raises(ValueError, match=r"\[plot_histograms\] there are no gradients in what was recorded"):
        plot_histograms(inspect(world.model, x), "gradients")
    with pytest.raises(ValueError, match=r'of is "?\'?biases'):
        plot_histograms(recorder, "biases")
    with pytest.raises(ValueError, match="must be a Recorder with records"):
        plot_histograms(Recorder())


def test_the_course_of_a_training(recorded):
    *_, recorder = recorded
    axes = recorder.plot().axes
    assert [axis.get_ylabel() for axis in axes] == [
        "update / weight of a step",
        "gradient of a row",
        "dead units",
        "saturated activations",
    ]
    np.testing.assert_array_equal(axes[3].lines[0].get_xdata(), [0, 1, 2, 3])
    np.testing.assert_array_equal(axes[3].lines[0].get_ydata(), [r.layers["1"].saturated for r in recorder.records])
    with pytest.raises(ValueError, match=r"\[Recorder.plot\] there are no records yet"):
        Recorder().plot()


def test_without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError, match=r'\[History.plot\] a picture needs matplotlib.*pip install "lamella\[train\]"'
    ):
        lm.History(loss=[1.0], mse=[1.0]).plot()
