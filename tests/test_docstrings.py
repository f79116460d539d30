"""What users read of the public API: every name has a page, every argument a line, and examples in docstrings run."""

import copy
import doctest
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import lamella as lm

SITE = Path(__file__).parent.parent / "docs" / "site"


def _load(name: str) -> ModuleType:
    """A module of the documentation site's."""
    spec = importlib.util.spec_from_file_location(f"docs_site_{name}", SITE / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


api = _load("api")
NAMES = api.public_names()
MEMBERS = {
    f"{name}.{member}": getattr(item, member) for name, item in NAMES.items() for member in api.members(name, item)
}


def test_every_public_name_has_a_place_in_the_reference():
    listed = [name for page in api.pages() for name in page.names]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(NAMES)
    assert {id(item) for item in NAMES.values()} >= {id(item) for item in _callables(lm)}


def _callables(module: ModuleType) -> Iterator[object]:
    """What ``__all__`` of a module names, and of the modules that it names."""
    for item in (getattr(module, name) for name in module.__all__):
        if isinstance(item, ModuleType):
            yield from _callables(item)
        elif callable(item):
            yield item


def test_members_to_be_shown_are_there():
    for name in api.MEMBERS:
        assert name in NAMES, name
        for member in api.MEMBERS[name].split():
            assert getattr(NAMES[name], member).__doc__, f"{name}.{member}"


def documented(text: str) -> set[str]:
    """Names under Parameters and Other Parameters."""
    sections = re.findall(
        r"^(?:Other )?Parameters\n-+\n(.*?)(?=^[A-Z][\w ]*\n-+\n|\Z)", inspect.cleandoc(text), re.M | re.S
    )
    lines = [line for section in sections for line in section.splitlines() if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for line in lines for name in line.partition(" : ")[0].split(",")}


def arguments(item: object) -> set[str]:
    """What a caller may give, ``*`` and ``**`` too."""
    function = item.fget if isinstance(item, property) else item
    names = inspect.signature(function).parameters
    return {name for name in names if name not in ("self", "cls") and not name.startswith("_")}


def _is_result(item: object) -> bool:
    """Whether lamella makes these, for users to read."""
    if not inspect.isclass(item):
        return False
    return issubclass(item, BaseException | dict) or (
        "Attributes\n" in item.__doc__ and "Parameters\n" not in item.__doc__
    )


@pytest.mark.parametrize("name", [*NAMES, *(name for name, item in MEMBERS.items() if inspect.isroutine(item))])
def test_every_argument_is_documented(name):
    item = NAMES.get(name) or MEMBERS[name]
    text = item.__doc__
    assert text, f"{name} has no docstring"
    assert inspect.isclass(item) is False or "__doc__" in vars(item), f"{name} has its base's docstring"
    if _is_result(item):
        return
    if inspect.isfunction(item) and item.__module__ == "lamella.nn.init" and "__call__" not in name:
        return  # all are functions of (rng, shape), as the module and Recipe say
    missing, unknown = arguments(item) - documented(text), documented(text) - arguments(item)
    assert not missing, f"{name} does not say what {', '.join(sorted(missing))} is"
    if "common" not in arguments(item):
        assert not unknown, f"{name} has no argument {', '.join(sorted(unknown))}"


def _is_layer(item: object) -> bool:
    return inspect.isclass(item) and issubclass(item, lm.nn.Module) and item is not lm.nn.Module


@pytest.mark.parametrize("name", [name for name, item in NAMES.items() if _is_layer(item)])
def test_layers_say_their_shapes(name):
    assert "(n, " in NAMES[name].__doc__


def _examples() -> list[doctest.DocTest]:
    modules = [lm, *map(importlib.import_module, {item.__module__ for item in NAMES.values()})]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for module in modules for test in finder.find(module, module.__name__) if test.examples]
    return sorted({test.name: test for test in found}.values(), key=lambda test: test.name)


@pytest.mark.parametrize("example", _examples(), ids=lambda example: example.name)
def test_examples_in_docstrings_run(example, tmp_path, monkeypatch):
    """With the names that pages use, of data like the digits'; what they print is for the reader."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y, yv = np.arange(100) % 10, np.arange(50) % 10
    x, xv = np.eye(64)[y] + 0.1 * rng.random((100, 64)), np.eye(64)[yv] + 0.1 * rng.random((50, 64))
    model = lm.nn.Sequential(lm.nn.Linear(64, 8), lm.nn.ReLU(), lm.nn.Linear(8, 10))
    pop = lm.Population(lambda: copy.deepcopy(model), 2, loss=lm.nn.CrossEntropyLoss(), optimizer=lm.optim.Adam)
    trainer = lm.Trainer(model, lm.nn.CrossEntropyLoss(), lm.optim.Adam(model.parameters()))
    modules = {name: item for name in lm.__all__ if isinstance(item := getattr(lm, name), ModuleType)}
    example.globs |= modules | {"np": np, "lm": lm, "model": model, "trainer": trainer, "pop": pop}
    example.globs |= {"x": x, "X": x, "y": y, "xv": xv, "yv": yv}
    code = "".join(part.source for part in example.examples)
    exec(compile(code, example.name, "exec"), example.globs)
