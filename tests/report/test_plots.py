"""Axes, lines, bars, images: what is drawn is where it should be."""

import math
import re
import struct
import zlib

import numpy as np
import pytest

from lamella.diagnosis.records import Histogram
from lamella.reporting.axis import Axis, axis
from lamella.reporting.curves import Line, chart, thinned, with_log
from lamella.reporting.histograms import by_epoch, rebinned, span
from lamella.reporting.palette import BLUE
from lamella.reporting.plot import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Plot
from lamella.reporting.png import png, shades
from lamella.reporting.subject import of_one_training
from report.world import numbers_of, pictures


def test_places_are_in_proportion():
    plain, log = Axis(0, 10, 100, 200), Axis(1, 100, 0, 1, log=True)
    np.testing.assert_allclose(plain([0, 2.5, 10, -5, 99]), [100, 125, 200, 100, 200])
    np.testing.assert_allclose(log([1, 10, 100]), [0, 0.5, 1])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.7, 12.2), (1e-9, 3e-9), (1e6, 1e6 + 3), (-1e12, 1e13), (0, 7)])
def test_ticks_are_round_and_inside(low, high):
    ticks = Axis(low, high, 0, 1).ticks(5)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-9 * abs(low) <= tick <= high + 1e-9 * abs(high) for tick in ticks)
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0] * (1 + 1e-9)))
    assert min(abs(mantissa - size) for size in (1, 2, 2.5, 5)) < 1e-3


@pytest.mark.parametrize(("low", "high"), [(1e-5, 3.0), (0.2, 0.9), (1e-30, 1e30), (0.011, 0.012), (3, 3.3)])
def test_ticks_of_orders_of_magnitude(low, high):
    ticks = Axis(low, high, 0, 1, log=True).ticks(5)
    assert 2 <= len(ticks) <= 12
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)


def test_whole_ticks():
    assert Axis(1, 3, 0, 1, whole=True).ticks(6) == [1, 2, 3]


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [3.0], [0.0, 0.0], [1e300, -1e300], [5, 5, np.nan]])
def test_any_values_make_an_axis(values):
    for log in (False, True):
        made = axis(values, 10, 20, log=log)
        assert made.low < made.high
        assert len(made.ticks()) >= 1
        assert np.isfinite(made(np.array([1.0, 2.0]))).all()


def test_a_line_is_broken_where_a_value_is_missing():
    plot = Plot(Axis(0, 5, LEFT, RIGHT), Axis(0, 1, BOTTOM, TOP))
    plot.line([0, 1, 2, 3, 4, 5], [0, 1, np.nan, 0.5, np.inf, 1], "red")
    picture = pictures(plot.svg())[0]
    (path,) = [e for e in picture.iter() if e.tag == "path"]
    assert path.attrib["d"] == f"M{LEFT} {BOTTOM}L118 {TOP}M254 116M390 {TOP}"
    assert [(e.attrib["cx"], e.attrib["cy"]) for e in picture.iter() if e.tag == "circle"] == [
        ("254", "116"),
        ("390", "26"),
    ]


def test_bars_stand_on_the_axis():
    plot = Plot(Axis(0, 2, 0, 200), Axis(0, 10, 100, 0))
    plot.bars([0, 1, 2], [5, 0], "blue")
    assert 'd="M0 100V50H100V100Z"' in plot.svg()


@pytest.mark.parametrize("values", [[1.0], [0.5, 0.1], [np.nan], [1e-300, 1e300], [-1, 2, np.inf], list(range(3000))])
def test_charts_stay_in_their_frame(values):
    for log in (False, True):
        for picture in pictures(chart([Line("a", values, "red"), Line("b", values[::-1], "blue")], "loss", log=log)):
            numbers = numbers_of(picture)
            assert np.isfinite(numbers).all()
            assert min(numbers) >= 0
            assert max(numbers) <= WIDTH


def test_many_names_go_below_and_make_room():
    lines = [Line(f"a layer with the name {k}", [1, 2], "red") for k in range(8)]
    picture = pictures(chart(lines, "loss"))[0]
    height = float(picture.attrib["viewBox"].split()[3])
    assert height > 250
    texts = [e for e in picture.iter() if e.tag == "text"]
    assert sum("name" in (e.text or "") for e in texts) == 8
    assert all(float(e.attrib["y"]) < height for e in texts)


def test_peaks_are_kept_of_many_points():
    values = np.zeros(10_000)
    values[[3333, 7777]] = 5, -5
    chosen = thinned(values)
    assert len(chosen) <= 402
    assert {0, 3333, 7777, 9999} <= set(chosen.tolist())
    assert (np.diff(chosen) > 0).all()
    assert len(thinned(np.full(5000, np.nan))) <= 402


def test_a_logarithmic_axis_is_offered_where_it_tells_more():
    far, near = [Line("loss", [10, 1, 0.1], "red")], [Line("loss", [1.2, 1.1, 1], "red")]
    assert 'type="checkbox"' in with_log(far, "loss")
    assert len(pictures(with_log(far, "loss"))) == 2
    for lines in (near, [Line("loss", [3, 0, 1], "red")], [Line("loss", [3, -9], "red")], [Line("loss", [1], "red")]):
        assert 'type="checkbox"' not in with_log(lines, "loss")


def unpacked(data):
    """Pixels of a PNG file, whose sums are checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (total,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert total == zlib.crc32(kind + content)
        parts[kind], at = content, at + 12 + length
    columns, rows, depth, colours = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colours, list(parts)) == (8, 6, [b"IHDR", b"IDAT", b"IEND"])
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(rows, 1 + 4 * columns)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(rows, columns, 4)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (17, 33)])
def test_images_are_what_was_put_in(rng, shape):
    pixels = rng.integers(0, 256, (*shape, 4)).astype(np.uint8)
    np.testing.assert_array_equal(unpacked(png(pixels)), pixels)


def test_shades_tell_sign_and_size():
    pixels = shades([[1, -1, 0, 0.5, np.nan, 2]], strongest=1)
    opacity = pixels[0, :, 3]
    assert opacity.tolist()[:3] == [255, 255, 0]
    assert 100 < opacity[3] < 150
    assert opacity[4:].tolist() == [0, 255]
    assert pixels[0, 0, 2] > pixels[0, 0, 0]  # above zero: blue
    assert pixels[0, 1, 0] > pixels[0, 1, 2]
    assert (shades(np.zeros((2, 2))) == 0).all()


def test_histograms_keep_what_they_hold(rng):
    values = rng.normal(size=5000)
    histogram = Histogram.of(values, 40)
    low, high = span([histogram])
    shares = rebinned(histogram, low, high)
    assert shares.sum() == pytest.approx(1)
    edges = np.linspace(low, high, len(shares) + 1)
    expected = np.histogram(np.clip(values, low, high), edges)[0] / 5000
    np.testing.assert_allclose(shares, expected, atol=0.02)


@pytest.mark.parametrize("values", [np.zeros(5), np.array([np.nan, np.inf]), np.array([1e-30]), np.array([-3.0, 8.0])])
def test_histograms_of_anything(values):
    histogram = Histogram.of(values) if np.isfinite(values).any() else Histogram(np.linspace(0, 1, 3), np.zeros(2, int))
    for histograms in ([histogram], [histogram] * 300):
        picture = pictures(by_epoch(histograms, range(1, len(histograms) + 1), "activation", "says"))[0]
        assert np.isfinite(numbers_of(picture)).all()
        assert len(re.findall("<image", by_epoch(histograms, range(1, len(histograms) + 1), "a", "s"))) == (
            1 if len(histograms) > 1 else 0
        )


def test_records_stand_at_their_epochs():
    """A recorder looks at every so many epochs, and at the last."""
    drawn = pictures(chart([Line("a", [1.0, 2.0, 3.0], BLUE)], "a", epochs=[0, 2, 10]))[0]
    path = next(element.attrib["d"] for element in drawn.iter() if element.tag.endswith("path"))
    left, middle, right = (float(x) for x in re.findall(r"[ML]([\d.]+) ", path))
    assert (middle - left) / (right - left) == pytest.approx(0.2, abs=0.01)


def test_a_column_of_histograms_stands_until_the_next(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "lamella.reporting.histograms.shades", lambda values, most: shown.append(values) or shades(values, most)
    )
    edges = np.linspace(0, 1, 3)
    low, high = Histogram(edges, np.array([9, 1])), Histogram(edges, np.array([1, 9]))
    by_epoch([low, high, low], [0, 3, 4], "a", "says")
    heavy = shown[0][-1] > shown[0][0]  # whether more is below
    assert heavy.tolist() == [True, True, True, False, True]


def test_of_several_trainings_the_last_is_drawn(classified):
    first, *_, last = classified.recorder.records
    assert of_one_training([first, last, first]) == [first]
    assert of_one_training([first, last]) == [first, last]
    assert of_one_training([]) == []
