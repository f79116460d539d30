"""Changes of sounds that are given as rows of samples: louder, later, slower, higher."""

from fractions import Fraction

import numpy as np

from lamella._arrays import Array
from lamella.data.augment.image import scipy_module
from lamella.nn import _check

#: Resampling is by ratios of integers up to this: steps of about 1 %.
_FINEST = 100


class Gain:
    """Each row times a factor of its own.

    Parameters
    ----------
    decibels : float, default 6
        The most, either way; uniform in [-decibels, decibels]. 6 is about twice the amplitude.
    """

    def __init__(self, decibels: float = 6) -> None:
        self.decibels = _check.number("Gain", "decibels", decibels, 0)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        factors = 10 ** (rng.uniform(-self.decibels, self.decibels, (len(x), 1)) / 20)
        louder: Array = x * factors.astype(x.dtype if x.dtype.kind == "f" else np.float64)
        return louder

    def __repr__(self) -> str:
        return f"Gain(decibels={self.decibels!r})"


class TimeShift:
    """Each row earlier or later by some samples.

    Parameters
    ----------
    samples : int
        The most, either way; uniform in [-samples, samples].
    wrap : bool, default False
        What leaves at one end comes in at the other; else zeros come in.
    """

    def __init__(self, samples: int, wrap: bool = False) -> None:
        self.samples = _check.integer("TimeShift", "samples", samples, 0)
        self.wrap = _check.flag("TimeShift", "wrap", wrap)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        length = x.shape[1]
        places = np.arange(length) - rng.integers(-self.samples, self.samples + 1, (len(x), 1))
        shifted: Array = np.take_along_axis(x, places % length, 1)
        if not self.wrap:
            shifted[(places < 0) | (places >= length)] = 0
        return shifted

    def __repr__(self) -> str:
        return f"TimeShift({self.samples!r}, wrap={self.wrap!r})"


class _Resampled:
    """Base of what plays rows faster or slower. Needs scipy."""

    def __init__(self) -> None:
        self._resample = scipy_module("signal", type(self).__name__).resample_poly

    def resampled(self, row: Array, rate: Fraction) -> Array:
        """The row at so many times its number of samples, by a polyphase filter that keeps what it can of the sound."""
        if rate == 1:
            return row
        found: Array = self._resample(row, rate.numerator, rate.denominator)
        return found


class Tempo(_Resampled):
    """Each row faster or slower, and its pitch with it, as a tape is played: resampled, then cut or filled with zeros.

    Parameters
    ----------
    share : float, default 0.1
        The most, either way: speeds are 2**u, u uniform in [-log2(1 + share), log2(1 + share)]. In [0, 1].
    """

    def __init__(self, share: float = 0.1) -> None:
        super().__init__()
        self.share = _check.number("Tempo", "share", share, 0, 1)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        most = np.log2(1 + self.share)
        speeds = 2 ** rng.uniform(-most, most, len(x))
        result = np.zeros_like(x, dtype=x.dtype if x.dtype.kind == "f" else np.float64)
        for row, out, speed in zip(x, result, speeds, strict=True):
            played = self.resampled(row, Fraction(1 / speed).limit_denominator(_FINEST))
            n = min(len(out), len(played))
            out[:n] = played[:n]
        return result

    def __repr__(self) -> str:
        return f"Tempo(share={self.share!r})"


class Pitch(_Resampled):
    """Each row higher or lower, as long as before: stretched in time, then resampled to its old length.

    Stretched by WSOLA (Verhelst and Roelands 1993): Hann windows that overlap by half are taken closer together or
    farther apart, each from where the sound goes on best from the one before. Needs scipy.

    Parameters
    ----------
    semitones : float, default 1
        The most, either way; uniform in [-semitones, semitones]. Up to 12.
    frame : int, default 512
        Samples of a frame: about two periods of the lowest tone, 20 to 40 ms of speech.
    """

    def __init__(self, semitones: float = 1, frame: int = 512) -> None:
        super().__init__()
        self.semitones = _check.number("Pitch", "semitones", semitones, 0, 12)
        self.frame = _check.integer("Pitch", "frame", frame, 4)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        factors = 2 ** (rng.uniform(-self.semitones, self.semitones, len(x)) / 12)
        result = np.empty_like(x, dtype=x.dtype if x.dtype.kind == "f" else np.float64)
        for row, out, factor in zip(x, result, factors, strict=True):
            rate = Fraction(1 / factor).limit_denominator(_FINEST)
            wanted = -(-len(row) * rate.denominator // rate.numerator)
            out[:] = self.resampled(stretched(row, wanted, self.frame), rate)[: len(row)]
        return result

    def __repr__(self) -> str:
        return f"Pitch(semitones={self.semitones!r}, frame={self.frame!r})"


def stretched(row: Array, length: int, frame: int) -> Array:
    """A sound in another time at the same pitch, by WSOLA."""
    frame = min(frame, len(row), length) // 2 * 2
    if length == len(row) or frame < 4:
        return np.interp(np.linspace(0, len(row) - 1, length), np.arange(len(row)), row)
    hop = frame // 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(frame) + 0.5) / frame)
    begins = [*range(0, length - frame, hop), length - frame]
    total, weight = np.zeros(length), np.zeros(length)
    most, source, before = len(row) - frame, 0, 0
    for begin in begins:
        if begin > 0:
            wanted = round(begin * most / (length - frame))
            low, high = max(wanted - hop // 2, 0), min(wanted + hop // 2, most)
            onward = min(source + begin - before, most)  # where the sound goes on from the last frame
            likeness = np.correlate(row[low : high + frame], row[onward : onward + frame], "valid")
            source, before = low + int(np.argmax(likeness)), begin
        total[begin : begin + frame] += window * row[source : source + frame]
        weight[begin : begin + frame] += window
    return total / weight
