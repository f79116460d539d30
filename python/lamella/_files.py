"""Models in files: safetensors, with the architecture as JSON in its metadata. No pickle: loading runs no code."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lamella import nn
from lamella._arrays import Array
from lamella._atomic import write_atomically
from lamella._version import __version__
from lamella.nn.module import Module

_FORMAT = "lamella-model-1"

#: Of :class:`lamella.Ensemble`'s files.
ENSEMBLE = "lamella-ensemble-1"


#: The one key of what stands in a file for another layer of the model: its place, such as "0.2".
_REFERENCE = "reference"


def _places(module: Module, place: str = "") -> Iterator[tuple[str, Module]]:
    """All modules inside, by the numbers of the layers that lead to them."""
    yield place, module
    for index, (_, child) in enumerate(module.children()):
        yield from _places(child, f"{place}.{index}" if place else str(index))


def architecture_of(root: Module) -> dict[str, Any]:
    """Types and arguments of a module and all inside it; layers that others need as references to their places."""
    places = {id(module): place for place, module in _places(root)}

    def value(owner: Module, item: Any) -> Any:
        if not isinstance(item, Module):
            return item
        if id(item) not in places:
            raise ValueError(f"[save] {owner!r} needs {item!r}, which is no part of what is to be saved")
        return {_REFERENCE: places[id(item)]}

    def describe(module: Module) -> dict[str, Any]:
        config = {key: value(module, item) for key, item in module.config().items()}
        description = {"type": type(module).__name__, **config}
        if module.children():
            description["layers"] = [describe(child) for _, child in module.children()]
        return description

    return describe(root)


def _build(
    description: Any,
    layers: Mapping[str, Callable[[], Any]],
    where: str,
    place: str = "",
    made: dict[str, Module] | None = None,
) -> Module:
    """The module of a description; ``made``: those so far, by place, for references to them."""
    made = {} if made is None else made
    if not isinstance(description, dict) or not isinstance(description.get("layers", []), list):
        raise ValueError(f"[{where}] the file's architecture makes no sense at {description!r:.80}")
    arguments = dict(description)
    name = arguments.pop("type", None)
    if name == "PythonLayer":
        body = str(arguments.get("body"))
        if body not in layers:
            raise ValueError(
                f"[{where}] the model has a layer in Python, {body}: pass layers={{{body!r}: {body}}} to make it again"
            )
        return made.setdefault(place, nn.PythonLayer(layers[body]()))
    kind = getattr(nn, str(name), None)
    if kind is Module or not (isinstance(kind, type) and issubclass(kind, Module)):
        raise ValueError(f"[{where}] the file has a layer {name!r}, which lamella {__version__} does not know")
    children = [
        _build(child, layers, where, f"{place}.{index}" if place else str(index), made)
        for index, child in enumerate(arguments.pop("layers", []))
    ]
    for key, argument in arguments.items():
        if isinstance(argument, dict) and _REFERENCE in argument:
            target = str(argument[_REFERENCE])
            if target not in made:
                raise ValueError(f"[{where}] the file's {name} needs a layer that is not before it: {argument!r:.80}")
            arguments[key] = made[target]
    try:
        return made.setdefault(place, kind(*children, **arguments))
    except (TypeError, ValueError) as error:
        raise ValueError(f"[{where}] the file's {name} cannot be made: {error}") from error


def _without_seed(description: dict[str, Any]) -> dict[str, Any]:
    """A seed only says where first weights came from."""
    return {key: value for key, value in description.items() if key != "seed"}


def _reduced(description: dict[str, Any], keep: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """What is kept of each layer's description."""
    kept = keep(_without_seed(description))
    if "layers" in kept:
        kept["layers"] = [_reduced(layer, keep) for layer in kept["layers"]]
    return kept


def _in_order(data: bytes) -> bytes:
    """The same file with sorted metadata, which safetensors writes in any order: the same model, the same bytes."""
    end = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:end])
    entries["__metadata__"] = dict(sorted(entries["__metadata__"].items()))
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def save(model: Module, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None) -> None:
    """Write a model to a file, atomically: the file is the old one or the whole new one, never half.

    Parameters
    ----------
    model : Module
        Its architecture, parameters and state are saved; not its optimizer.
    path : str or path
        Where to; ``.safetensors`` is the usual ending.
    metadata : mapping, optional
        Anything JSON can hold, for :func:`load_metadata`.

    Raises
    ------
    TypeError
        If ``model`` is no module, or ``metadata`` does not go into JSON.
    """
    if not isinstance(model, Module):
        raise TypeError(f"[save] model is {model!r} but must be a Module")
    header = {
        "dtype": model.store().dtype.name,
        "architecture": json.dumps(architecture_of(model)),
        "metadata": metadata_text(metadata, "save"),
    }
    write_tensors(path, _FORMAT, header, model.state_dict())


def metadata_text(metadata: Mapping[str, Any] | None, where: str) -> str:
    """What users give a file of theirs, as JSON."""
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"[{where}] metadata is {metadata!r:.80} but must be a mapping")
    try:
        return json.dumps(dict(metadata or {}))
    except (TypeError, ValueError) as error:
        raise TypeError(f"[{where}] metadata does not go into JSON: {error}") from error


def write_tensors(
    path: str | os.PathLike[str], format: str, header: Mapping[str, str], tensors: Mapping[str, Array]
) -> None:
    """Write arrays and text under the name of a format, atomically."""
    from safetensors.numpy import save as to_bytes

    metadata = {"format": format, "lamella": __version__, **header}
    write_atomically(path, _in_order(to_bytes(dict(tensors), metadata=metadata)))


def read_tensors(
    path: str | os.PathLike[str],
    where: str,
    format: str | tuple[str, ...] = _FORMAT,
    writer: str = "lamella.save",
    tensors: bool = True,
) -> tuple[dict[str, str], dict[str, Array]]:
    """What :func:`write_tensors` wrote, under (one of) these formats: the text, and the arrays if asked for."""
    from safetensors import SafetensorError, safe_open

    if not os.path.isfile(path):
        raise FileNotFoundError(f"[{where}] there is no file {os.fspath(path)}")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise ValueError(f"[{where}] {os.fspath(path)} is damaged or no safetensors file: {error}") from error
    if header.get("format") not in ((format,) if isinstance(format, str) else format):
        raise ValueError(f"[{where}] {os.fspath(path)} was not written by {writer} (format {header.get('format')!r})")
    return header, state


def load(
    path: str | os.PathLike[str],
    into: Module | None = None,
    layers: Mapping[str, Callable[[], Any]] | None = None,
) -> Module:
    """Read a model from a file that :func:`save` wrote.

    Parameters
    ----------
    path : str or path
    into : Module, optional
        Take the values into this model, whose architecture must be the file's, instead of making a new one.
    layers : mapping of str to callable, optional
        For layers in Python: the class's name to what makes the object.

    Returns
    -------
    Module
        In evaluation mode if new; ``into`` as it is.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, not lamella's, or of another architecture than ``into``; nothing is changed then.
    """
    if into is not None and not isinstance(into, Module):
        raise TypeError(f"[load] into is {into!r:.80} but must be a Module")
    header, state = read_tensors(path, "load")
    architecture = parse_header(header, "architecture", path, "load")
    model = into
    if model is None:
        model = make_model(architecture, header.get("dtype"), layers, path, "load")
    else:
        check_architecture(model, architecture, path, "load")
    take_state(model, state, path, "load")
    return model


def make_model(
    architecture: Any,
    dtype: Any,
    layers: Mapping[str, Callable[[], Any]] | None,
    path: str | os.PathLike[str],
    where: str,
) -> Module:
    """The model of a file's architecture, in evaluation mode."""
    model = _build(architecture, layers or {}, where).eval()
    if dtype not in ("float32", "float64"):
        raise ValueError(f"[{where}] {os.fspath(path)} has dtype {dtype!r}, which is none of a model's")
    model.dtype = dtype
    return model


def take_state(model: Module, state: Mapping[str, Array], path: str | os.PathLike[str], where: str) -> None:
    """Take over a file's arrays; ValueError if they are another architecture's."""
    try:
        model.load_state_dict(state)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[{where}] the arrays in {os.fspath(path)} are not its architecture's: {error}") from error


def check_architecture(
    model: Module,
    architecture: Any,
    path: str | os.PathLike[str],
    where: str,
    keep: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> None:
    """ValueError if a file's architecture is not the model's, as to what is to be kept of each layer's description."""
    own, found = _reduced(architecture_of(model), keep), _reduced(architecture, keep)
    if own != found:
        raise ValueError(f"[{where}] {os.fspath(path)} holds another architecture: {_difference(found, own)}")


def parse_header(header: dict[str, str], key: str, path: str | os.PathLike[str], where: str) -> dict[str, Any]:
    """A part of a file's text that is a JSON object."""
    try:
        value = json.loads(header[key])
    except (KeyError, ValueError) as error:
        raise ValueError(f"[{where}] {os.fspath(path)} is damaged: its {key} cannot be read") from error
    if not isinstance(value, dict):
        raise ValueError(f"[{where}] {os.fspath(path)} is damaged: its {key} is {value!r:.80}")
    return value


def _difference(file: Any, own: Any, at: str = "model") -> str:
    """The first place where two architectures differ, in words."""
    if isinstance(file, dict) and isinstance(own, dict):
        for key in [*file, *(k for k in own if k not in file)]:
            if file.get(key) != own.get(key):
                return _difference(file.get(key), own.get(key), f"{at}.{key}")
    if isinstance(file, list) and isinstance(own, list):
        for index in range(min(len(file), len(own))):
            if file[index] != own[index]:
                return _difference(file[index], own[index], f"{at}[{index}]")
        return f"{at} has {len(file)} entries in the file and {len(own)} in the model"
    return f"{at} is {file!r} in the file and {own!r} in the model"


def load_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What was given to :func:`save`, or :meth:`Ensemble.save`, as ``metadata``; reads only the file's header.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or not lamella's.
    """
    header, _ = read_tensors(path, "load_metadata", (_FORMAT, ENSEMBLE), tensors=False)
    return parse_header(header, "metadata", path, "load_metadata")
