"""Which pages the API reference has, and what is on each.

A public name goes to the page that names its module, or else the package around it. A new class or function in one of
those needs nothing here; a new package needs an entry in ``PAGES``, and one in ``PACKAGES`` if ``lamella.__all__`` does
not name it.
"""

import inspect
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


@dataclass
class Page:
    """A page: its place, title, introduction, and the modules whose public names are on it."""

    uri: str
    title: str
    introduction: str
    modules: list[str]
    names: list[str] = field(default_factory=list)


PAGES = [
    Page("trainer", "Trainer", "A whole training step, or a whole training, in one native call.", ["lamella.trainer"]),
    Page(
        "models",
        "Models",
        "What all models and layers have in common, and how they are put together.",
        [f"lamella.nn.{name}" for name in ("module", "sequential", "residual", "concat", "parameter", "python_layer")],
    ),
    Page("layers", "Layers", "Layers with weights, normalisation, noise.", ["lamella.nn"]),
    Page(
        "activations",
        "Activations",
        "Of single units, and of rows.",
        [f"lamella.nn.{name}" for name in ("activation", "rectifiers", "sigmoids", "softmax", "prelu", "maxout")],
    ),
    Page("losses", "Losses", "Value, gradient and score in one native pass.", ["lamella.nn.loss"]),
    Page(
        "init",
        "First weights",
        'A layer\'s `init`: a name (`init="he_normal"`), an object with settings (`init=nn.init.Orthogonal(2)`), or '
        "any function of (rng, shape): [Recipe][lamella.nn.init.Recipe] says what those are.",
        ["lamella.nn.init"],
    ),
    Page(
        "optimizers",
        "Optimizers",
        "Each a fused native update. [Optimizer][lamella.optim.Optimizer] says what all take.",
        ["lamella.optim"],
    ),
    Page(
        "schedules",
        "Schedules",
        "Rates over a training. PyTorch's module name works, too: `optim.lr_scheduler.StepLR`.",
        ["lamella.optim.schedule"],
    ),
    Page("populations", "Populations", "Many models in one call.", ["lamella.population"]),
    Page("ensembles", "Ensembles", "Models that predict together.", ["lamella.ensemble"]),
    Page("search", "Search", "Good settings, by many models trained side by side.", ["lamella.tuning"]),
    Page("estimators", "Estimators", "scikit-learn's, drop-in.", ["lamella.estimators"]),
    Page("callbacks", "Callbacks", "What looks on while a training runs, and may stop it.", ["lamella.callbacks"]),
    Page("data", "Data", "Sources larger than memory, augmentation.", ["lamella.data"]),
    Page("diagnosis", "Diagnosis", "Whether a network learns, and what keeps it from that.", ["lamella.diagnosis"]),
    Page("report", "Reports", "A training as one page.", ["lamella.reporting"]),
    Page(
        "files",
        "Files, threads, configuration",
        "Functions of the package itself.",
        ["lamella._files", "lamella._config"],
    ),
]

#: Where public names are looked for: in ``__all__`` of these, and of the modules that it names.
PACKAGES = ["lamella", "lamella.estimators"]

#: Members for users, of classes that also have some for those who write layers, losses or optimizers. Of other classes
#: all are shown that no base has.
MEMBERS = {
    "lamella.Trainer": """step fit evaluate predict steps_per_epoch lr_range_test largest_stable_lr save load state_dict
        load_state_dict""",
    "lamella.nn.Module": """__call__ backward predict train eval training parameters named_parameters named_modules
        children num_parameters zero_grad state_dict load_state_dict summary""",
    "lamella.nn.Sequential": "__getitem__",
    "lamella.nn.Parameter": "data grad",
    "lamella.nn.PythonLayer": "",
    "lamella.nn.Loss": "__call__ backward probabilities decide",
    "lamella.nn.init.Recipe": "__call__",
    "lamella.optim.Optimizer": """step zero_grad lr clip_norm grad_norm penalty parameters train eval state_dict
        load_state_dict""",
    "lamella.optim.LRScheduler": "step rates last_epoch last_lr get_last_lr factor state_dict load_state_dict",
    "lamella.optim.WeightAverage": "update applied swap swapped n_averaged state_dict load_state_dict",
    "lamella.Population": """fit predict evaluate outputs history final ranking best drop active diverged seeds ensemble
        out_of_bag stack""",
    "lamella.space.Distribution": "",
}


def public_names() -> dict[str, Any]:
    """All public classes and functions by the names that users have for them, such as lamella.nn.ReLU."""
    names: dict[str, Any] = {}
    for package in filter(find_spec, PACKAGES):
        _collect(import_module(package), package, names)
    return names


def _collect(module: ModuleType, place: str, names: dict[str, Any]) -> None:
    items = {name: getattr(module, name) for name in module.__all__}
    # A module's own names first: lm.overfit_check is not to be called lm.diagnosis.overfit_check.
    for name, item in sorted(items.items(), key=lambda entry: isinstance(entry[1], ModuleType)):
        if isinstance(item, ModuleType):
            _collect(item, f"{place}.{name}", names)
        elif callable(item) and item not in names.values():  # optim.lr_scheduler has other names for what optim has
            names[f"{place}.{name}"] = item


def page_of(item: Any, pages: list[Page]) -> Page:
    """The page that names the item's module, or the nearest package around it."""
    place = item.__module__
    while place != "lamella":
        for page in pages:
            if place in page.modules:
                return page
        place = place.rpartition(".")[0]
    raise LookupError(f"no page of the reference takes {item.__module__}: add it to PAGES in docs/site/api.py")


def pages() -> list[Page]:
    """The pages with their names: bases first, then by the alphabet."""
    filled = [Page(page.uri, page.title, page.introduction, page.modules) for page in PAGES]
    names = public_names()
    for name in sorted(names, key=lambda name: (name not in MEMBERS, name.rpartition(".")[2].lower())):
        page_of(names[name], filled).names.append(name)
    return [page for page in filled if page.names]


def members(name: str, item: Any) -> list[str]:
    """The members of a class that its page shows."""
    if not inspect.isclass(item):
        return []
    if name in MEMBERS:
        return MEMBERS[name].split()
    inherited = {key for base in item.__mro__[1:] if base.__module__.startswith("lamella") for key in vars(base)}
    return [
        key
        for key, value in vars(item).items()
        if not key.startswith("_")
        and key not in inherited
        and (inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod)))
    ]


#: What objects are called in examples.
_INSTANCES = {
    "trainer": "lamella.Trainer",
    "model": "lamella.nn.Module",
    "loss": "lamella.nn.Loss",
    "optimizer": "lamella.optim.Optimizer",
    "schedule": "lamella.optim.LRScheduler",
    "average": "lamella.optim.WeightAverage",
    "pop": "lamella.Population",
    "found": "lamella.SearchResult",
}


def identifiers() -> dict[str, str]:
    """What names in texts stand for: "nn.ReLU", "ReLU", "lm.search", "lamella.search", "trainer.fit", ..."""
    found: dict[str, str] = {}
    for name, item in public_names().items():
        short = name.removeprefix("lamella.")
        last = short.rpartition(".")[2]
        written = [name, short, f"lm.{short}", *([last] if inspect.isclass(item) else [])]
        written += [instance for instance, kind in _INSTANCES.items() if kind == name]
        for word in written:
            if word not in _INSTANCES:
                found[word] = name
            found |= {f"{word}.{member}": f"{name}.{member}" for member in members(name, item)}
    return found
