"""Products whose factors are rounded to bfloat16: kernels, and trainings with ``precision=``."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from lamella._core import Bf16Way
from lamella.nn.precision import bf16_way
from reference import assert_same_bits, assert_within, linear_backward_input, linear_forward, sum_error

SIZES = [1, 3, 7, 15, 16, 17, 33]
#: Past the edges of all blocks, in each place.
LARGE = [(2201, 357, 521), (357, 521, 2201), (521, 2201, 357)]
#: Emulated everywhere; as the processor does it, where it can.
WAYS = _core.bf16_ways()
NATIVE = [way for way in WAYS if way in (Bf16Way.avx512, Bf16Way.amx)]
PRECISIONS = ["bf16-emulated", "bf16"] if NATIVE else ["bf16-emulated"]


def bf16(array):
    """Rounded to 8 bits of significand, ties to even, by the definition: float32 without its low 16 bits."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).astype(np.uint64)
    kept, rest = bits >> 16, bits & 0xFFFF
    up = (rest > 0x8000) | ((rest == 0x8000) & (kept & 1 == 1))
    return ((kept + up) << 16).astype(np.uint32).view(np.float32)


def forward(kernel, x, w, b, way, threads=1, name="linear_forward_bf16"):
    outputs = w.shape[1] if name == "linear_forward_bf16" else w.shape[0]
    y = np.full((len(x), outputs), np.nan, np.float32)
    kernel(name, [y, x, w, b], len(x), [*w.shape, way], dtype=np.float32, threads=threads)
    return y


def backward_input(kernel, dy, w, way, threads=1):
    dx = np.full((len(dy), w.shape[0]), np.nan, np.float32)
    kernel("linear_backward_input_bf16", [dx, dy, w], len(dy), [*w.shape, way], dtype=np.float32, threads=threads)
    return dx


def backward_weight(kernel, dy, x, way, dw=None, threads=1):
    accumulate = dw is not None
    dw = dw.copy() if accumulate else np.full((x.shape[1], dy.shape[1]), np.nan, np.float32)
    db = np.zeros(dy.shape[1], np.float32)
    sizes = [*dw.shape, accumulate, way]
    kernel("linear_backward_weight_bf16", [dw, db, dy, x], len(x), sizes, dtype=np.float32, threads=threads)
    return dw, db


def draw(rng, *shapes):
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def assert_products(kernel, rng, way, n, inputs, outputs):
    x, w, b, dy = draw(rng, (n, inputs), (inputs, outputs), (outputs,), (n, outputs))
    x16, w16, dy16 = (bf16(array).astype(np.float64) for array in (x, w, dy))
    bound = sum_error(inputs + 1, np.float32) * linear_forward(abs(x16), abs(w16), abs(b))
    assert_within(forward(kernel, x, w, b, way), linear_forward(x16, w16, b), bound)
    bound = sum_error(outputs, np.float32) * linear_backward_input(abs(dy16), abs(w16))
    assert_within(backward_input(kernel, dy, w, way), linear_backward_input(dy16, w16), bound)
    tied = forward(kernel, dy, w, None, way, name="tied_forward_bf16")
    assert_same_bits(tied, backward_input(kernel, dy, w, way))
    dw, db = backward_weight(kernel, dy, x, way)
    bound = sum_error(n, np.float32) * (abs(x16).T @ abs(dy16))
    assert_within(dw, x16.T @ dy16, bound)
    np.testing.assert_allclose(db, dy.astype(np.float64).sum(axis=0), rtol=1e-4, atol=1e-3)  # not rounded
    assert_within(backward_weight(kernel, dy, x, way, dw)[0], 2 * (x16.T @ dy16), 2 * bound)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_small(kernel, rng, way):
    for n, inputs, outputs in itertools.product(SIZES, repeat=3):
        assert_products(kernel, rng, way, n, inputs, outputs)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("sizes", LARGE)
def test_large(kernel, rng, way, sizes):
    assert_products(kernel, rng, way, *sizes)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_whole_numbers_are_exact(kernel, rng, way):
    for n, inputs, outputs in [(61, 62, 63), (257, 5, 129), (5, 1025, 67), (2, 3, 2500), (501, 1, 257), (3, 99, 1)]:
        x, w = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((n, inputs), (inputs, outputs)))
        np.testing.assert_array_equal(forward(kernel, x, w, None, way), x @ w)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_rounding(kernel, way):
    """One term each: what comes out is what the factor was rounded to."""
    step = 2.0**-7
    values = [1, 1 + step, 1 + step / 2, 1 + 3 * step / 2, 1 + step * 0.51, -1 - 3 * step / 2, 3e38, 1e-30, 0, -0.0]
    x = np.array([*values, np.inf, -np.inf, 3.4e38], np.float32)[:, None]
    got = forward(kernel, x, np.ones((1, 1), np.float32), None, way)
    want = bf16(x)
    assert np.isinf(want[-1]), "the largest float32 are nearer to bfloat16's infinity"
    np.testing.assert_array_equal(got, want)
    low_nan = np.array([[0x7F800001]], np.uint32).view(np.float32)  # its upper half alone would be infinity
    assert np.isnan(forward(kernel, low_nan, np.ones((1, 1), np.float32), None, way)).all()


def fused(a, b, total):
    """The product of two bfloat16 numbers, which float64 holds, added to float32 sums and rounded once."""
    return (a.astype(np.float64) * b + total).astype(np.float32)


def by_pairs(x, w):
    """VDPBF16PS for each two terms: the later one is added first."""
    total = np.zeros((len(x), w.shape[1]), np.float32)
    for p in range(0, x.shape[1], 2):
        total = fused(x[:, p + 1, None], w[p + 1], total)
        total = fused(x[:, p, None], w[p], total)
    return total


def by_tiles(x, w):
    """TDPBF16PS for each 32 terms: even ones and odd ones are added up, and these two to the sum."""
    total = np.zeros((len(x), w.shape[1]), np.float32)
    for first in range(0, x.shape[1], 32):
        even = odd = np.zeros_like(total)
        for p in range(first, first + 32, 2):
            even = fused(x[:, p, None], w[p], even)
            odd = fused(x[:, p + 1, None], w[p + 1], odd)
        total += even + odd
    return total


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_sums_are_those_that_define_the_instruction(kernel, rng, way):
    """Emulated or not, to the bit: of 8 terms and more by tiles, below by pairs."""
    for n, inputs, outputs in [(17, 6, 33), (1, 8, 5), (33, 31, 34), (40, 33, 16), (5, 64, 1), (50, 500, 70)]:
        x, w = draw(rng, (n, inputs), (inputs, outputs))
        x *= np.exp(rng.uniform(-20, 20, x.shape)).astype(np.float32)
        terms = -inputs % 32
        x16, w16 = np.pad(bf16(x), [(0, 0), (0, terms)]), np.pad(bf16(w), [(0, terms), (0, 0)])
        tiles = way in (Bf16Way.amx, Bf16Way.amx_emulated) and inputs >= 8
        expected = (by_tiles if tiles else by_pairs)(x16, w16)
        assert_same_bits(forward(kernel, x, w, None, way), expected)
        assert_same_bits(backward_input(kernel, x, np.ascontiguousarray(w.T), way), expected)
        assert_same_bits(backward_weight(kernel, w, np.ascontiguousarray(x.T), way)[0], expected)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_tiny_factors_are_zero(kernel, way):
    """As the instructions read them: 1e-39 is below the smallest normal number."""
    for terms in (2, 40):
        x, w = np.full((3, terms), 1e-39, np.float32), np.full((terms, 5), 1e30, np.float32)
        np.testing.assert_array_equal(forward(kernel, x, w, None, way), np.zeros((3, 5)))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_no_padding_is_seen(kernel, way):
    """Infinite and missing values stay in their rows and columns, whatever fills up panels beside them."""
    x, w = np.ones((19, 37), np.float32), np.ones((37, 21), np.float32)
    x[18, 36], w[36, 20] = np.inf, np.nan
    y = forward(kernel, x, w, None, way)
    assert np.isnan(y[:, 20]).all()
    assert np.isinf(y[18, :20]).all()
    np.testing.assert_array_equal(y[:18, :20], 37)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_threads_give_the_same_bits(kernel, rng, way, threads):
    for n, inputs, outputs in [(1, 500, 33), (501, 133, 1), (57, 97, 129), (130, 70, 801), (600, 530, 200)]:
        x, w, b, dy = draw(rng, (n, inputs), (inputs, outputs), (outputs,), (n, outputs))
        assert_same_bits(forward(kernel, x, w, b, way, threads), forward(kernel, x, w, b, way))
        assert_same_bits(backward_input(kernel, dy, w, way, threads), backward_input(kernel, dy, w, way))
        many, one = backward_weight(kernel, dy, x, way, threads=threads), backward_weight(kernel, dy, x, way)
        assert_same_bits(many[0], one[0])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_rows_do_not_depend_on_the_batch(kernel, rng, way):
    x, w = draw(rng, (130, 133), (133, 70))
    all_rows = forward(kernel, x, w, None, way)
    for first, last in [(0, 1), (129, 130), (5, 12), (1, 16), (3, 58)]:
        assert_same_bits(forward(kernel, x[first:last], w, None, way), all_rows[first:last])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_threads_of_python_and_a_child_have_tiles_of_their_own(kernel, rng, way):
    x, w = draw(rng, (70, 90), (90, 50))
    expected = forward(kernel, x, w, None, way)
    with ThreadPoolExecutor(4) as pool:
        for y in pool.map(lambda _: forward(kernel, x, w, None, way), range(20)):
            assert_same_bits(y, expected)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if np.array_equal(forward(kernel, x, w, None, way), expected) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("way", NATIVE, ids=lambda way: way.name)
def test_the_instruction_has_the_bits_of_its_emulation(kernel, rng, way):
    """Their products are exact in float32, so only the order of sums matters, and that what is below normal is zero."""
    emulated = Bf16Way.emulated if way == Bf16Way.avx512 else Bf16Way.amx_emulated
    for n, inputs, outputs in [(3, 7, 5), (61, 62, 63), (257, 5, 129), (5, 1025, 67)]:
        x, w, b, dy = draw(rng, (n, inputs), (inputs, outputs), (outputs,), (n, outputs))
        assert_same_bits(forward(kernel, x, w, b, way), forward(kernel, x, w, b, emulated))
        assert_same_bits(backward_input(kernel, dy, w, way), backward_input(kernel, dy, w, emulated))
        assert_same_bits(backward_weight(kernel, dy, x, way)[0], backward_weight(kernel, dy, x, emulated)[0])


def network(seed=0, dtype="float32"):
    return nn.Sequential(
        nn.Linear(20, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 3), seed=seed, dtype=dtype
    )


def trainer_of(model, precision="bf16-emulated", **arguments):
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    return lm.Trainer(model, nn.CrossEntropyLoss(), optimizer, precision=precision, **arguments)


@pytest.fixture
def data(rng):
    x = rng.standard_normal((300, 20)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 1)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_first_loss_is_of_rounded_factors(data, precision):
    """Against NumPy on a network that is one product."""
    x, y = data
    model = nn.Sequential(nn.Linear(20, 3), seed=3)
    state = model.state_dict()
    value = trainer_of(model, precision).step(x, y)
    logits = bf16(x).astype(np.float64) @ bf16(state["0.weight"]).astype(np.float64).T + state["0.bias"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    expected = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y])
    assert value == pytest.approx(expected, rel=1e-6)
    plain = nn.Sequential(nn.Linear(20, 3), seed=3)
    assert trainer_of(plain, None).step(x, y) != value


@pytest.mark.parametrize("precision", PRECISIONS)
def test_learns_as_float32_does(data, precision):
    x, y = data
    scores = {}
    for each in (None, precision):
        runs = [trainer_of(network(seed), each) for seed in range(5)]
        for trainer in runs:
            trainer.fit(x[:200], y[:200], epochs=15)
        scores[each] = [trainer.evaluate(x[200:], y[200:])["accuracy"] for trainer in runs]
    plain, rounded = (np.array(each) for each in scores.values())
    assert not np.array_equal(plain, rounded)
    assert abs(plain.mean() - rounded.mean()) < 2 * max(plain.std(), 0.01)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_threads_steps_and_fit_agree(data, precision, restore_threads, share_all_work):
    x, y = data
    found = []
    for threads in (1, 3):
        lm.set_num_threads(threads)
        by_fit, by_step = trainer_of(network(), precision), trainer_of(network(), precision)
        by_fit.fit(x, y, batch_size=50, shuffle=False)
        for begin in range(0, len(x), 50):
            by_step.step(x[begin : begin + 50], y[begin : begin + 50])
        found += [by_fit.model.state_dict(), by_step.model.state_dict()]
    for other in found[1:]:
        for name, value in found[0].items():
            assert_same_bits(np.asarray(other[name]), np.asarray(value))


def test_population_member_has_the_bits_of_one_alone(data):
    x, y = data
    population = lm.Population(
        network,
        2,
        seeds=[0, 1],
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.Adam,
        settings={"lr": 1e-2},
        precision="bf16-emulated",
    )
    population.fit(x, y, epochs=2)
    alone = trainer_of(network(1))
    alone.fit(x, y, epochs=2)
    assert_same_bits(population[1].predict(x), alone.model.predict(x))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_trains_by_each_way(data, way, monkeypatch):
    """By the one that LAMELLA_BF16 names."""
    monkeypatch.setenv("LAMELLA_BF16", way.name)
    x, y = data
    trainer = trainer_of(network(), "bf16")
    trainer.fit(x, y, epochs=15)
    assert trainer.evaluate(x, y)["accuracy"] > 0.8
    emulated = {Bf16Way.avx512: Bf16Way.emulated, Bf16Way.amx: Bf16Way.amx_emulated}.get(way, way)
    monkeypatch.setenv("LAMELLA_BF16", emulated.name)
    again = trainer_of(network(), "bf16")
    again.fit(x, y, epochs=15)
    assert_same_bits(again.model.predict(x), trainer.model.predict(x))


def test_the_best_way_is_taken(monkeypatch):
    monkeypatch.delenv("LAMELLA_BF16", raising=False)
    best = WAYS[-1] if WAYS[-1] > Bf16Way.amx_emulated else None
    assert bf16_way() == best
    assert f"bfloat16         {'emulated only' if best is None else ''}" in lm.show_config()
    monkeypatch.setenv("LAMELLA_BF16", "amx_emulated")
    assert bf16_way() == Bf16Way.amx_emulated
    assert "bfloat16         AMX, emulated" in lm.show_config()
    monkeypatch.setenv("LAMELLA_BF16", "sme")
    with pytest.raises(ValueError, match='LAMELLA_BF16 is "sme" but there are here: emulated, amx_emulated'):
        trainer_of(network(), "bf16")


def test_bad_precisions(monkeypatch):
    monkeypatch.delenv("LAMELLA_BF16", raising=False)
    for given in ("fp16", 16, True, "BF16"):
        with pytest.raises(ValueError, match=r"\[Trainer\] precision is .* but must be None"):
            trainer_of(network(), given)
    with pytest.raises(ValueError, match="float64: it must be float32"):
        trainer_of(network(dtype="float64"))
    if bf16_way() is None:
        with pytest.raises(ValueError, match="there is neither AMX nor AVX512-BF16 here"):
            trainer_of(network(), "bf16")

    class Twice:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    trainer = trainer_of(nn.Sequential(nn.Linear(20, 3), Twice()))
    with pytest.raises(ValueError, match="layers in Python"):
        trainer.step(np.zeros((4, 20)), [0, 1, 2, 0])
