"""Gradients against two-sided differences."""

import numpy as np

#: Of central differences in float64: their truncation, O(h^2), and their rounding, O(eps / h), are both near 1e-10.
STEP = 1e-5


def numeric_gradient(function, array, step=STEP):
    """Gradient of ``function()``, a float, by every element of the array, which the function reads."""
    gradient = np.empty(array.shape)
    for index in np.ndindex(*array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def relative_error(analytic, numeric):
    """||a - n|| / (||a|| + ||n||): 0 if equal, at most 1."""
    total = np.linalg.norm(analytic) + np.linalg.norm(numeric)
    return np.linalg.norm(analytic - numeric) / total if total > 0 else 0.0


def check_gradient(function, array, analytic, tolerance=1e-7, step=STEP):
    """Assert that ``analytic`` is the gradient of ``function()`` by the float64 ``array``."""
    assert array.dtype == np.float64, "differences need float64"
    assert np.linalg.norm(analytic) > 0, "a gradient of zero proves nothing"
    error = relative_error(analytic, numeric_gradient(function, array, step))
    assert error <= tolerance, f"relative error {error:.3g} of a gradient of shape {array.shape}"
