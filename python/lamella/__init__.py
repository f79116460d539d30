"""Dense neural networks, fast: native kernels under a thin ``nn``/``optim`` API whose layers carry their own backward.

>>> import lamella as lm
>>> from lamella import nn, optim
>>> model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10), seed=0)
>>> trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3))
"""

from typing import TYPE_CHECKING

try:
    from lamella import _core as _core
except ImportError as error:  # pragma: no cover - only in a broken installation
    raise ImportError(
        "lamella's native part, lamella._core, cannot be imported. If you are in its source folder, install it first "
        f"(pip install .) and start Python elsewhere. The reason given was: {error}"
    ) from error

from lamella import callbacks, nn, optim
from lamella._config import get_num_threads, set_num_threads, show_config
from lamella._files import load, load_metadata, save
from lamella._later import later
from lamella._version import __version__
from lamella.trainer import CutOnDivergence, DivergenceError, History, LRRangeTest, Trainer

if TYPE_CHECKING:
    from lamella import data, diagnosis
    from lamella.diagnosis import check_gradients, diagnose, lr_range_test, overfit_check
    from lamella.ensemble import Ensemble
    from lamella.population import CrossValidation, OutOfBag, Population, PopulationHistory, cross_validate
    from lamella.reporting import report
    from lamella.tuning import Halving, SearchInterrupted, SearchResult, Trial, space
    from lamella.tuning.search import search

__getattr__ = later(
    __name__,
    {
        "data": (),
        "diagnosis": ("check_gradients", "diagnose", "lr_range_test", "overfit_check"),
        "ensemble": ("Ensemble",),
        "population": ("CrossValidation", "OutOfBag", "Population", "PopulationHistory", "cross_validate"),
        "reporting": ("report",),
        "tuning": ("Halving", "SearchInterrupted", "SearchResult", "Trial", "search", "space"),
    },
)

__all__ = [
    "CrossValidation",
    "CutOnDivergence",
    "DivergenceError",
    "Ensemble",
    "Halving",
    "History",
    "LRRangeTest",
    "OutOfBag",
    "Population",
    "PopulationHistory",
    "SearchInterrupted",
    "SearchResult",
    "Trainer",
    "Trial",
    "__version__",
    "callbacks",
    "check_gradients",
    "cross_validate",
    "data",
    "diagnose",
    "diagnosis",
    "get_num_threads",
    "load",
    "load_metadata",
    "lr_range_test",
    "nn",
    "optim",
    "overfit_check",
    "report",
    "save",
    "search",
    "set_num_threads",
    "show_config",
    "space",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
