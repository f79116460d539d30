"""The base of every layer and container."""

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, as_features, dense, is_sparse, to_array
from lamella.data.source import Source, feature_blocks
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.parameter import Parameter, Settings, State, Stored
from lamella.nn.replay import Pass, Replay
from lamella.nn.store import Store


class Module:
    """A layer or a network. Call it on a batch; ``backward`` then gives the gradient of its input.

    Subclasses emit their ops into a program (:meth:`emit`); every module can be called by itself or stand in a
    :class:`lamella.nn.Sequential`. Parameters live in flat arenas that the outermost module owns, made at first use.

    Attributes
    ----------
    training : bool
        Whether calls use the training behaviour of dropout and batch normalization. Set by :meth:`train`/:meth:`eval`.
    """

    # Where a module is used is no part of what it is: copies leave it behind.
    __slots__ = ("__dict__", "__weakref__", "_modules", "_parent", "_passes", "_pending", "_replays", "_store")

    #: Seed of first weights and dropout; None: the outermost module's, 0 if that has none.
    seed: int | None = None
    #: "float32" or "float64"; None: the outermost module's; if that has none: of one inside, else float32.
    dtype: str | None = None
    #: Scalars that this module's kernels read, if any.
    settings: Settings | None = None
    #: How often any module's mode or loss's setting was set: what was made for some holds while this stays the same.
    mode_changes = 0
    #: Rows that a training batch must have at least.
    least_rows = 1
    #: Whether the children are branches, each on the same input, rather than one after the other.
    branches = False
    #: Whether values have another scale in training than in evaluation; whether the scale of values is remembered.
    changes_scale = remembers_scale = False
    #: Whether the outputs are a softmax's, which losses of logits do not take.
    gives_probabilities = False

    def __init__(self) -> None:
        self._training = True
        self._parent: weakref.ref[Module] | None = None  # the container that it was first put into
        self._take(None)

    # What subclasses say of themselves.

    def emit(self, builder: Builder, x: Value) -> Value:
        """Append this module's forward and backward ops; the value it makes of ``x``."""
        raise NotImplementedError

    #: Name of the initialisation that suits weights before this layer; None: the layer after decides.
    weight_init: str | None = None

    def settle(self, following: "list[Module]") -> None:
        """Called before first values are drawn, with the layers that follow this one."""

    def input_width(self) -> int | None:
        """Features that the input must have; None: any number."""
        return None

    def output_width(self, width: int | None) -> int | None:
        """Features of the output for an input of ``width``; None if neither says."""
        return width

    @property
    def keeps_width(self) -> bool:
        """Whether there are as many outputs as features, where :meth:`input_width` does not say how many."""
        return True

    def check_place(self, modules: "list[Module]", complete: bool) -> None:
        """Raise if this module cannot stand where it does among those of a container, or of a ``complete`` model."""

    def penalty_total(self) -> float | None:
        """What layers in here added to the loss, summed over batches since the last clearing; None if none does."""
        totals = [total for _, child in self.children() if (total := child.penalty_total()) is not None]
        return sum(totals) if totals else None

    def clear_penalty_total(self) -> None:
        """Begin the sums of :meth:`penalty_total` anew."""
        for _, child in self.children():
            child.clear_penalty_total()

    def penalty_scalars(self) -> list[int]:
        """Where the sums of :meth:`penalty_total` lie."""
        return [place for _, child in self.children() for place in child.penalty_scalars()]

    def children(self) -> list[tuple[str, "Module"]]:
        """Modules inside this one, by name."""
        return []

    def config(self) -> dict[str, Any]:
        """Arguments that make the same module again; what a saved file holds of it."""
        return {}

    def describe(self) -> str:
        """Arguments as ``repr`` shows them."""
        return ", ".join(f"{key}={value!r}" for key, value in self.config().items())

    def extra_state(self) -> dict[str, Array]:
        """State beside arrays in arenas, for :meth:`state_dict`."""
        return {}

    def counters(self) -> list[int]:
        """Where the scalars lie that :meth:`extra_state` reads."""
        return []

    def check_extra_state(self, state: Mapping[str, Array], prefix: str, where: str) -> None:
        """Raise if :meth:`load_extra_state` cannot take this."""

    def load_extra_state(self, state: Mapping[str, Array]) -> None:
        """Take back what :meth:`extra_state` gave."""

    def adopted(self, store: Store, index: int) -> None:
        """Called when a model has given this module its memory; ``index`` is its place in the tree."""
        if self._store is not None and self._store is not store and self.has_arrays():
            self._store.stale = True
        self._take(store)

    def _take(self, store: Store | None) -> None:
        self._store = store
        self._modules = [] if store is None else [module for _, module in self.named_modules()]
        self._replays: dict[tuple[tuple[bool, ...], int], Replay] = {}  # by layers' modes and input width
        self._passes: dict[int, Pass] = {}  # by input width
        self._pending: tuple[Replay, int] | None = None

    # The tree.

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all inside it, with dotted names.

        Parameters
        ----------
        prefix : str, default ""
            The name of this one.
        """
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def _arrays(self) -> list[tuple[str, Stored]]:
        """Parameters and state of this module itself."""
        return [(name, item) for name, item in vars(self).items() if isinstance(item, Stored)]

    def _named_arrays(self) -> Iterator[tuple[str, Stored]]:
        """All parameters and all saved but untrained arrays with dotted names."""
        for prefix, module in self.named_modules():
            for name, item in module._arrays():
                yield f"{prefix}.{name}" if prefix else name, item

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names, as PyTorch gives them."""
        return ((name, item) for name, item in self._named_arrays() if isinstance(item, Parameter))

    def named_states(self) -> Iterator[tuple[str, State]]:
        """All saved but untrained arrays with dotted names."""
        return ((name, item) for name, item in self._named_arrays() if isinstance(item, State))

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of the layers; what optimizers take."""
        self._outermost().store()
        self.store()
        return [parameter for _, parameter in self.named_parameters()]

    def _outermost(self) -> "Module":
        """The model that this module is to be part of, if it has no memory yet: then it shares that one's."""
        parent = self._parent() if self._store is None and self._parent is not None else None
        return self if parent is None else parent._outermost()

    @property
    def num_parameters(self) -> int:
        """Number of trained values."""
        return sum(parameter.size for _, parameter in self.named_parameters())

    def store(self) -> Store:
        """The memory of the model that this module is part of; made now if there is none."""
        if self._store is None or self._store.stale:
            shared = self._shared_store()
            if shared is None:
                return Store(self)
            self._take(shared)
            return shared
        return self._store

    def _shared_store(self) -> Store | None:
        """The one memory that holds all arrays in here, as for a slice of another model; None if there are several."""
        shared: Store | None = None
        for _, module in self.named_modules():
            if module.has_arrays():
                if module._store is None or module._store.stale or shared not in (None, module._store):
                    return None
                shared = module._store
        return shared if shared is not None and self.dtype in (None, shared.dtype) else None

    def has_arrays(self) -> bool:
        """Whether this module itself (not what is inside it) has parameters, state or settings."""
        return self.settings is not None or bool(self._arrays())

    # Use.

    @property
    def training(self) -> bool:
        """The mode: training behaviour, or evaluation."""
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = mode
        Module.mode_changes += 1

    def train(self, mode: bool = True) -> "Module":
        """Use the training behaviour of all layers from now on.

        Parameters
        ----------
        mode : bool, default True
            False: :meth:`eval`.

        Returns
        -------
        Module
            This one.
        """
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Use the evaluation behaviour of all layers from now on."""
        return self.train(False)

    def _where(self) -> str:
        return type(self).__name__

    def __call__(self, x: Any) -> Array:
        """Forward.

        Parameters
        ----------
        x : array-like or scipy.sparse matrix, (n, features)
            Any numeric dtype and memory layout.

        Returns
        -------
        ndarray, (n, outputs)
            A fresh array of the model's dtype.

        Raises
        ------
        ValueError
            If the shape is wrong, or a training batch has too few rows for a layer.
        TypeError
            If ``x`` holds no numbers.
        """
        store = self.store()
        features = as_features(dense(x), store.dtype, self.input_width(), "x", self._where())
        n, width = features.shape
        key = (tuple(module.training for module in self._modules), width)
        replay = self._replays.get(key)
        if replay is None:
            self.check_modes(None, self._where())
            replay = self._replays[key] = Replay(self, store, width)
        if n < replay.least_rows:
            self.check_rows(n, None, self._where())
        features = replay.checked(features, self._where())
        self._pending = None
        y = replay.forward(features)
        self._pending = (replay, n)
        return y

    def least_rows_of_all(self, training: bool | None) -> int:
        """Rows that a batch must have for all layers; ``training`` as :class:`lamella.nn.builder.Builder` has it."""
        return max(
            module.least_rows if (module.training if training is None else training) else 1
            for _, module in self.named_modules()
        )

    def check_rows(self, n: int, training: bool | None, where: str) -> None:
        """ValueError if a batch has fewer rows than some layer needs in training."""
        for name, module in self.named_modules():
            if (module.training if training is None else training) and n < module.least_rows:
                raise ValueError(
                    f"[{where}] a training batch has {n} row{'s' if n != 1 else ''} but layer {name or module!r} "
                    f"({type(module).__name__}) needs at least {module.least_rows}"
                )

    def check_modes(self, training: bool | None, where: str) -> None:
        """ValueError if layers are set to modes that contradict each other; ``training`` as for the builder."""
        if training is not None or not self.training:
            return
        modules = list(self.named_modules())
        active = [name for name, module in modules if module.changes_scale and module.training]
        frozen = [name for name, module in modules if module.remembers_scale and not module.training]
        if active and frozen:
            raise ValueError(
                f"[{where}] layer {active[0]} is a classic dropout in training while batch norm {frozen[0]} is frozen "
                "by its eval(): its statistics are of another scale; use Dropout(classic=False), or let both train"
            )

    def backward(self, dy: Any) -> Array:
        """Backward through the last forward; parameter gradients are added to.

        Parameters
        ----------
        dy : array-like, (n, outputs)
            Gradient of the loss by the output of the last call.

        Returns
        -------
        ndarray, (n, features)
            Gradient by the input.

        Raises
        ------
        RuntimeError
            If there was no forward since the last backward, or a layer has no gradient.
        ValueError
            If the shape is not that of the last output.
        """
        self.store()  # forgets the forward, if the weights have moved since
        if self._pending is None:
            raise RuntimeError(f"[{self._where()}] backward() without a forward before it: call the model on x first")
        replay, n = self._pending
        replay.require_backward()
        gradient = as_features(dy, replay.store.dtype, None, "dy", self._where())
        if gradient.shape != (n, replay.y.width):
            raise ValueError(
                f"[{self._where()}] dy has shape {gradient.shape} but the last output was {(n, replay.y.width)}"
            )
        self._pending = None
        return replay.backward(gradient)

    def predict(self, x: Any, batch_size: int = 1024) -> Array:
        """Outputs in evaluation mode, in blocks that need little memory; nothing is kept for a backward.

        Parameters
        ----------
        x : array-like, scipy.sparse matrix or Source (:mod:`lamella.data`), (n, features)
            Converted some blocks at a time.
        batch_size : int, default 1024
            Rows a block.

        Returns
        -------
        ndarray, (n, outputs)
        """
        where = f"{self._where()}.predict"
        batch_size = _check.integer(where, "batch_size", batch_size, 1)
        if isinstance(x, Source) or is_sparse(x):
            outputs = [self.predict(block, batch_size) for block in feature_blocks(x, where)]
            if not outputs:
                raise ValueError(f"[{where}] x ({x!r:.80}) has no rows")
            return np.concatenate(outputs)
        features = as_features(x, self.store().dtype, self.input_width(), "x", where)
        return self.forward_pass(features.shape[1]).run(features, batch_size, where)

    def forward_pass(self, width: int) -> Pass:
        """What :meth:`predict` runs for inputs of that width."""
        store = self.store()
        if width not in self._passes:
            self._passes[width] = Pass(self, store, width)
        return self._passes[width]

    def zero_grad(self) -> None:
        """Set all parameter gradients to zero."""
        store = self.store()
        own = [parameter for _, parameter in self.named_parameters()]
        if len(own) == len(store.parameters):
            store.memory.view(_core.Arena.grads, 0, 0, [store.memory.size(_core.Arena.grads)]).fill(0)
        else:
            for parameter in own:
                parameter.grad.fill(0)

    def _saved(self) -> dict[str, Stored | Array]:
        """What a state holds, by its keys: arrays of the model's, and what :meth:`extra_state` gave."""
        self.store()
        return {
            f"{prefix}.{name}" if prefix else name: item
            for prefix, module in self.named_modules()
            for name, item in (dict(module._arrays()) | module.extra_state()).items()
        }

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and saved state, with the keys and shapes of the same torch.nn module."""
        return {
            name: item.data.copy(order="C") if isinstance(item, Stored) else item
            for name, item in self._saved().items()
        }

    def state_operands(self) -> list[_core.Operand]:
        """All that :meth:`state_dict` copies, where it lies in the model's memory."""
        self.store()
        stored = [item for _, item in [*self.named_parameters(), *self.named_states()]]
        counts = [scalar for _, module in self.named_modules() for scalar in module.counters()]
        return [*(item.operand for item in stored), *(_core.Operand(_core.Arena.scalars, place) for place in counts)]

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over values; all keys and shapes are checked before anything is changed.

        Parameters
        ----------
        state : mapping of str to array-like
            What :meth:`state_dict` gives, or a torch model's with its tensors.

        Raises
        ------
        ValueError
            If keys are missing or unknown, or a shape differs.
        """
        where = f"{self._where()}.load_state_dict"
        if not isinstance(state, Mapping):
            raise TypeError(f"[{where}] state is {state!r:.80} but must be a mapping of names to arrays")
        own = self._saved()
        missing, unknown = [k for k in own if k not in state], [k for k in state if k not in own]
        if missing or unknown:
            raise ValueError(
                f"[{where}] the state is another model's:"
                + (f" missing {', '.join(missing)};" if missing else "")
                + (f" unknown {', '.join(map(str, unknown))}" if unknown else "")
            )
        items = {name: item for name, item in own.items() if isinstance(item, Stored)}
        extra: list[tuple[Module, dict[str, Array]]] = []
        checked = {name: item.checked(state[name], where) for name, item in items.items()}
        for prefix, module in self.named_modules():
            values = {}
            for name, value in module.extra_state().items():
                full = f"{prefix}.{name}" if prefix else name
                values[name] = to_array(state[full], full, where)
                if values[name].shape != value.shape:
                    raise ValueError(
                        f"[{where}] {full} has shape {values[name].shape} but the model's is {value.shape}"
                    )
            if values:
                module.check_extra_state(values, prefix, where)
            extra.append((module, values))
        for name, item in items.items():
            item.data[...] = checked[name]
        for module, values in extra:
            module.load_extra_state(values)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        Module.__init__(self)
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.model(self)

    def summary(self) -> str:
        """A table of the layers: outputs and parameters of each, and the total."""
        from lamella.nn.summary import summary

        return summary(self)
