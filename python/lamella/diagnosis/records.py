"""What a :class:`lamella.diagnosis.Recorder` keeps of a training: numbers and histograms, by epoch."""

from dataclasses import dataclass

import numpy as np

from lamella._arrays import Array
from lamella.diagnosis.findings import Finding, read
from lamella.diagnosis.table import table

#: Values that a histogram looks at, at most.
_MOST = 2**20


@dataclass(frozen=True)
class Histogram:
    """How often values fall between edges.

    Attributes
    ----------
    edges : ndarray, (bins + 1,)
        Rising; from the smallest finite value to the largest (half a unit around it if all are the same).
    counts : ndarray, (bins,)
        Of finite values; the last bin includes its right edge, as ``numpy.histogram`` has it.
    zeros : int
        Values that are exactly 0; they are in ``counts``, too.
    not_finite : int
        NaN and infinite values; they are not in ``counts``.
    """

    edges: Array
    counts: Array
    zeros: int = 0
    not_finite: int = 0

    @classmethod
    def of(cls, values: Array, bins: int = 40) -> "Histogram":
        """Of the values of an array.

        Parameters
        ----------
        values : ndarray
            Of any shape; of more than 2**20 values, so many evenly spread at most are counted.
        bins : int, default 40
            Of equal width, from the least finite value to the largest.
        """
        values = values.reshape(-1)[:: -(-values.size // _MOST)] if values.size > _MOST else values
        finite = values[np.isfinite(values)].astype(np.float64)
        counts, edges = np.histogram(finite, bins)
        return cls(edges, counts, int(np.count_nonzero(finite == 0)), values.size - finite.size)

    @property
    def centers(self) -> Array:
        """(bins,): the middle of each bin."""
        middles: Array = (self.edges[:-1] + self.edges[1:]) / 2
        return middles


@dataclass(frozen=True)
class LayerRecord:
    """One layer over a sample of rows.

    Attributes
    ----------
    name : str
        Where it is in the model: "0", "2.1", as in the keys of ``state_dict``.
    kind : str
        Its class: "Linear", "ReLU"; that of the body, for a layer in Python.
    units : int
        Outputs.
    mean, std : float
        Of all activations, that is outputs, over rows and units.
    activations : Histogram
        Of the same.
    dead : float or None
        Share of units that no row of the sample can train, in [0, 1]: the derivative is (nearly) 0 in each, as for a
        ReLU that is never active. None for layers that are no activation.
    saturated : float or None
        Share of activations where the derivative is small, in [0, 1], for sigmoid, tanh and their kin; None for others.
    correlation : float or None
        Mean over pairs of units of the magnitude of their correlation, in [0, 1]. None for layers that are no
        activation, or where fewer than two units vary.
    gradient_rms : float or None
        Root of the mean square of the loss's gradient by the activations, times the number of rows (so that it is that
        of a row's own loss, for losses that are means); None without targets.
    gradients : Histogram or None
        Of the same values.
    """

    name: str
    kind: str
    units: int
    mean: float
    std: float
    activations: Histogram
    dead: float | None = None
    saturated: float | None = None
    correlation: float | None = None
    gradient_rms: float | None = None
    gradients: Histogram | None = None


@dataclass(frozen=True)
class ParameterRecord:
    """One parameter.

    Attributes
    ----------
    name : str
        "0.weight", as in ``state_dict``.
    shape : tuple of int
        PyTorch's: (outputs, features) for weights of a linear layer.
    norm : float
        |w|, the root of the sum of squares.
    gradient_norm : float or None
        Of the loss's gradient on the sample; None without targets.
    update_ratio : float or None
        |change of w| / |w| in one step of the optimizer as it is now; about 1e-3 is good. None where it was not
        measured, or w is 0 (a new bias).
    values : Histogram
        Of the weights.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    gradient_norm: float | None
    update_ratio: float | None
    values: Histogram


@dataclass(frozen=True, repr=False)
class EpochRecord:
    """A model after one epoch, on a sample of rows. ``print`` shows tables, and what they mean.

    Attributes
    ----------
    epoch : int
        From 0, of this training; -1: before the first, or of no training.
    rates : tuple of float
        Learning rates of the parameter groups.
    layers : dict of str to LayerRecord
        By name, first layer to last; containers are not among them, but what is inside them.
    parameters : dict of str to ParameterRecord
        By name, first layer to last.
    """

    epoch: int
    rates: tuple[float, ...]
    layers: dict[str, LayerRecord]
    parameters: dict[str, ParameterRecord]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands out, with advice; gravest first."""
        return read(self)

    def __repr__(self) -> str:
        layers = [
            (
                layer.name or "-",
                layer.kind,
                f"{layer.units:,}",
                f"{layer.mean:.3g}",
                f"{layer.std:.3g}",
                *(_share(share) for share in (layer.dead, layer.saturated)),
                *(_number(number) for number in (layer.correlation, layer.gradient_rms)),
            )
            for layer in self.layers.values()
        ]
        parameters = [
            (each.name, str(each.shape), f"{each.norm:.3g}", _number(each.gradient_norm), _number(each.update_ratio))
            for each in self.parameters.values()
        ]
        header = ("layer", "", "units", "mean", "std", "dead", "saturated", "correlation", "gradient")
        lines = [table(header, layers, right=range(2, 9))]
        if parameters:
            lines += ["", table(("parameter", "shape", "norm", "gradient", "update"), parameters, right=range(2, 5))]
        return "\n".join([*lines, *("\n" + str(finding) for finding in self.findings)])

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.record(self)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
