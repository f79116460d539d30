"""Augmentation: what fit gives to the function, and each change against a plain reference."""

import numpy as np
import pytest

import lamella as lm
from data.test_bits import chunks_of
from lamella import data, nn, optim
from lamella.data import augment
from lamella.trainer import stream
from trainer.test_stretches import HELD_OUT, WEIGHTS, World, X, Y
from trainer.world import assert_same, everything, network

ndimage = pytest.importorskip("scipy.ndimage")
signal = pytest.importorskip("scipy.signal")


def fit(x=X, y=Y, epochs=3, options=None, **more):
    world = World(options or {})
    world.trainer.fit(x, y, epochs=epochs, **{**world.options, **more})
    return everything(world.trainer)


@pytest.mark.parametrize("at_once", [1, 4096])
def test_a_function_that_changes_nothing_changes_nothing(at_once, monkeypatch):
    monkeypatch.setattr(stream, "_AT_ONCE", at_once)
    cases = [
        {"batch_size": 22, "sample_weight": WEIGHTS, "validation_data": HELD_OUT},
        {"sampling": "balanced"},
        {"drop_last": True},
        {"shuffle": False},
    ]
    for case in cases:
        assert_same(fit(augment=lambda x, rng: x, **case), fit(**case))
        assert_same(fit(augment=lambda x, y, rng: (x, y), **case), fit(**case))


@pytest.mark.parametrize("at_once", [1, 4096])
def test_each_batch_has_numbers_of_its_own(at_once, monkeypatch):
    """A function of the model's seed, the epoch and the batch, not of how the epoch is read."""
    monkeypatch.setattr(stream, "_AT_ONCE", at_once)
    drawn = []

    def note(x, rng):
        drawn.append((len(x), rng.random()))
        return x

    fit(augment=note, batch_size=16)
    assert [n for n, _ in drawn] == [16, 16, 16, 16, 3] * 3
    assert len({number for _, number in drawn}) == 15
    first = list(drawn)
    drawn.clear()
    fit(chunks_of(X, Y), None, augment=note, batch_size=16)
    assert drawn == first


def test_the_function_may_write_to_its_arrays():
    def spoil(x, y, rng):
        x *= 2
        y[:] = 0
        return x, y

    before = X.copy(), Y.copy()
    for shuffle in (False, True):
        found = fit(augment=spoil, shuffle=shuffle)
        np.testing.assert_array_equal(X, before[0])
        np.testing.assert_array_equal(Y, before[1])
        assert_same(found, fit(2 * X, 0 * Y, shuffle=shuffle))


def test_targets_of_another_kind():
    """Labels that become probabilities."""

    def soften(x, y, rng):
        return x, 0.9 * np.eye(3)[y] + 0.1 / 3

    assert_same(fit(augment=soften), fit(y=0.9 * np.eye(3)[Y] + 0.1 / 3))


def test_it_goes_on_where_it_was():
    def jitter(x, rng):
        return x + rng.standard_normal(x.shape)

    world, twin = World({}), World({})
    world.trainer.fit(X, Y, epochs=4, augment=jitter)
    for _ in range(2):
        twin.trainer.fit(X, Y, epochs=2, augment=jitter)
    assert_same(everything(world.trainer), everything(twin.trainer))
    assert not np.array_equal(everything(world.trainer)["0.weight"], fit(epochs=4, batch_size=32)["0.weight"])


def test_with_everything_else():
    model = network(3)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), accumulate=2)
    source = data.batches(chunks_of(X, Y, WEIGHTS), shuffle_rows=30)
    change = augment.Compose(augment.Noise(0.1), lambda x, y, rng: (x, y))
    history = trainer.fit(
        source, epochs=5, batch_size=8, augment=change, mixup=0.3, validation_data=HELD_OUT, patience=4
    )
    assert np.isfinite(history["val_loss"]).all()


def test_functions_are_told_apart():
    from lamella.data.callable import takes_targets

    class Method:
        def __call__(self, x, y, rng):
            return x, y

    cases = {
        (lambda x, rng: x): False,
        (lambda x, y, rng: (x, y)): True,
        (lambda x, rng, strength=1: x): False,
        (lambda *given: given[0]): False,
        Method(): True,
        augment.Noise(): False,
        augment.Compose(augment.Noise(), Method()): True,
        augment.Compose(): False,
    }
    for function, expected in cases.items():
        assert takes_targets(function, "here") is expected


# The changes.

SHAPES = [(7, 9), (1, 7, 9), (3, 8, 5)]


class Fixed:
    """Random numbers that are at the upper end."""

    def uniform(self, low, high, size):
        return np.full(size, high)

    def integers(self, low, high, size):
        return np.full(size, high - 1)


def images(shape, n=6, dtype=np.float64):
    return np.random.default_rng(0).random((n, int(np.prod(shape)))).astype(dtype)


def each(x, shape, change):
    """``change`` of each channel of each image."""
    planes = x.reshape(len(x), -1, *shape[-2:])
    return np.stack([[change(plane) for plane in image] for image in planes]).reshape(x.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_shift(shape, fill):
    x = images(shape)
    for pixels, whole in ((2, True), (1.3, False)):
        found = augment.Shift(shape, pixels, fill, whole)(x, Fixed())
        expected = each(x, shape, lambda p, by=pixels: ndimage.shift(p, by, order=1, mode="grid-constant", cval=fill))
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_rotate(shape, fill):
    x = images(shape)
    found = augment.Rotate(shape, 25, fill)(x, Fixed())
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(shape[-2:]) - 1) / 2
    offset = middle - turn @ middle
    expected = each(
        x, shape, lambda p: ndimage.affine_transform(p, turn, offset, order=1, mode="grid-constant", cval=fill)
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_quarter_turn():
    image = np.zeros((5, 5))
    image[1, 4] = 1
    np.testing.assert_allclose(
        augment.Rotate((5, 5), 90)(image.reshape(1, -1), Fixed()).reshape(5, 5), np.rot90(image, -1), atol=1e-12
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_elastic(shape):
    """Simard et al. 2003, image by image, by scipy's own interpolation."""
    x = images(shape)
    found = augment.Elastic(shape, alpha=8, sigma=2)(x, np.random.default_rng(5))
    noise = np.random.default_rng(5).uniform(-1, 1, (2, len(x), *shape[-2:]))
    rows, columns = np.mgrid[: shape[-2], : shape[-1]]
    for number, image in enumerate(x.reshape(len(x), -1, *shape[-2:])):
        down, right = (8 * ndimage.gaussian_filter(field[number], 2, mode="constant") for field in noise)
        for channel, plane in enumerate(image):
            expected = ndimage.map_coordinates(plane, [rows + down, columns + right], order=1, mode="grid-constant")
            own = found[number].reshape(image.shape)[channel]
            np.testing.assert_allclose(own, expected, atol=1e-5)  # the field is float32
    assert abs(found - x).max() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("vertical", [False, True])
def test_flip(shape, vertical):
    x = images(shape, 40)
    mirrored = each(x, shape, lambda plane: plane[::-1] if vertical else plane[:, ::-1])
    np.testing.assert_array_equal(augment.Flip(shape, 1.0, vertical)(x, np.random.default_rng(0)), mirrored)
    np.testing.assert_array_equal(augment.Flip(shape, 0.0, vertical)(x, np.random.default_rng(0)), x)
    some = augment.Flip(shape, 0.5, vertical)(x, np.random.default_rng(0))
    flipped = (some == mirrored).all(axis=1)
    assert 10 < flipped.sum() < 30
    np.testing.assert_array_equal(some[~flipped], x[~flipped])


def test_noise():
    x = np.tile([[1.0], [10.0]], (1, 20000))
    rng = np.random.default_rng(0)
    found = augment.Noise(0.1)(x, rng) - x
    np.testing.assert_allclose(found.std(axis=1), 0.1, rtol=0.03)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=0.003)
    found = augment.Noise(0.1, relative=True)(x, rng) - x
    np.testing.assert_allclose(found.std(axis=1), [0.1, 1.0], rtol=0.03)


RATE = 8000
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def pitch_of(row):
    """Hz of the strongest tone."""
    spectrum = abs(np.fft.rfft(row * np.hanning(len(row))))
    return np.argmax(spectrum) * RATE / len(row)


def test_gain_and_time_shift():
    x = np.stack([TONE, TONE])
    np.testing.assert_allclose(augment.Gain(6)(x, Fixed()), x * 10**0.3)
    late = augment.TimeShift(100)(x, Fixed())
    np.testing.assert_array_equal(late[:, 100:], x[:, :-100])
    assert (late[:, :100] == 0).all()
    np.testing.assert_array_equal(augment.TimeShift(100, wrap=True)(x, Fixed()), np.roll(x, 100, axis=1))
    rng = np.random.default_rng(0)
    found = augment.TimeShift(5, wrap=True)(np.eye(30, 8), rng).argmax(axis=1)[:8]
    assert (found != np.arange(8)).any()


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_tempo_is_resampling(share):
    found = augment.Tempo(share)(TONE[None], Fixed())[0]
    speed = 1 + share
    n = int(len(TONE) / speed)
    assert abs(pitch_of(found[: n - 20]) - 440 * speed) < 3
    assert (found[n + 20 :] == 0).all()
    times = np.arange(n - 50)[20:] * speed
    np.testing.assert_allclose(found[20 : n - 50], np.sin(2 * np.pi * 440 * times / RATE), atol=0.05)


@pytest.mark.parametrize("semitones", [1, 3, 12])
def test_pitch_keeps_the_length(semitones):
    found = augment.Pitch(semitones)(TONE[None], Fixed())[0]
    assert found.shape == TONE.shape
    assert abs(pitch_of(found) - 440 * 2 ** (semitones / 12)) < 5
    middle = found[500:-500]
    assert 0.6 < np.sqrt(np.mean(middle**2)) < 0.8  # no beats: as loud as before, all along
    assert np.sqrt(np.mean(middle.reshape(-1, 100) ** 2, axis=1)).min() > 0.4


def test_pitch_of_short_rows():
    for n in (1, 3, 10, 600):
        x = np.random.default_rng(0).standard_normal((4, n))
        found = augment.Pitch(2)(x, np.random.default_rng(1))
        assert found.shape == x.shape
        assert np.isfinite(found).all()


EVERY = [
    augment.Noise(),
    augment.Noise(relative=True),
    augment.Shift((8, 8)),
    augment.Shift((8, 8), whole=False),
    augment.Rotate((8, 8)),
    augment.Elastic((1, 8, 8)),
    augment.Flip((8, 8)),
    augment.Gain(),
    augment.TimeShift(3),
    augment.Tempo(),
    augment.Pitch(frame=16),
    augment.Sometimes(augment.Noise(), 0.4),
    augment.Compose(augment.Flip((8, 8)), augment.Noise()),
]


@pytest.mark.parametrize("change", EVERY, ids=repr)
def test_all_of_them(change, dtype):
    """Rows change each in a way of its own, by the generator alone; the input, shape and dtype stay."""
    x = np.tile(images((8, 8), 1, dtype), (20, 1))
    before = x.copy()
    found = change(x, np.random.default_rng(3))
    np.testing.assert_array_equal(x, before)
    assert found.shape == x.shape
    assert found.dtype == dtype
    assert len(np.unique(found, axis=0)) > 1
    np.testing.assert_array_equal(found, change(x, np.random.default_rng(3)))
    assert not np.array_equal(found, change(x, np.random.default_rng(4)))
    model = nn.Sequential(nn.Linear(64, 2), seed=0, dtype=dtype.name)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
    assert np.isfinite(trainer.fit(x, np.zeros((20, 2)), augment=change)["loss"]).all()


def test_sometimes():
    x = images((8, 8), 400)
    found = augment.Sometimes(augment.Gain(), 0.25)(x, np.random.default_rng(0))
    assert 70 < (found != x).any(axis=1).sum() < 130
    assert augment.Sometimes(augment.Gain(), 0)(x, np.random.default_rng(0)) is x


BAD = {
    "shape": (lambda: augment.Shift(28), TypeError, r"\[Shift\] shape is 28 but must be \(height, width\) or"),
    "no pixels": (lambda: augment.Flip((0, 3)), ValueError, r"\[Flip\] shape is 0 but must be at least 1"),
    "p": (lambda: augment.Flip((2, 2), 1.5), ValueError, r"\[Flip\] p is 1.5 but must be in \[0, 1\]"),
    "std": (lambda: augment.Noise(-1), ValueError, r"\[Noise\] std is -1 but must be at least 0"),
    "sigma": (lambda: augment.Elastic((2, 2), 3, 0), ValueError, r"\[Elastic\] sigma is 0 but must be above 0"),
    "share": (lambda: augment.Tempo(2), ValueError, r"\[Tempo\] share is 2 but must be in \[0, 1\]"),
    "semitones": (lambda: augment.Pitch(13), ValueError, r"\[Pitch\] semitones is 13"),
    "samples": (lambda: augment.TimeShift(1.5), TypeError, r"\[TimeShift\] samples is 1.5 but must be an integer"),
    "rows": (
        lambda: augment.Rotate((2, 2))(np.ones((3, 5)), np.random.default_rng()),
        ValueError,
        r"\[Rotate\] x has shape \(3, 5\) but images of \(2, 2\) are rows of 4 pixels",
    ),
    "no function": (lambda: augment.Compose(3), TypeError, r"\[Compose\] augment is 3"),
    "targets": (lambda: augment.Sometimes(lambda x, y, rng: (x, y)), TypeError, r"must be a function f\(x, rng\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case):
    make, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        make()
