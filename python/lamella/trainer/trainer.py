"""The trainer: steps, epochs, validation."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lamella import _core
from lamella._arrays import Array, check_indices, dense
from lamella.callbacks.callback import Callback, OnEpoch
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.loss.runner import LossRunner
from lamella.nn.module import Module
from lamella.nn.precision import check_precision
from lamella.nn.store import Store
from lamella.optim.average import WeightAverage
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule import LRScheduler
from lamella.trainer import checkpoint, range_test
from lamella.trainer.augmenting import Augment
from lamella.trainer.divergence import CutOnDivergence
from lamella.trainer.early_stopping import Stopping
from lamella.trainer.feeding import training_of, unpacked
from lamella.trainer.history import History
from lamella.trainer.options import Options
from lamella.trainer.order import Sampling
from lamella.trainer.range_test import LRRangeTest
from lamella.trainer.samples import Samples, check_samples, samples_of
from lamella.trainer.scheduling import Scheduling
from lamella.trainer.step import NativeStep, StepByHand
from lamella.trainer.stream import as_source, stream_of


class Trainer:
    """Forward, loss, backward and update as one program.

    Gives the same numbers as the four calls by hand. Trains whether the model is set to ``train()`` or ``eval()``; a
    single layer of a model in training stays frozen if it is set to ``eval()``. Leaves each parameter's ``grad`` at the
    last batch's gradient, or at the sum of those that were last added up.

    Parameters
    ----------
    model : Module
    loss : Loss
    optimizer : Optimizer
        Of this model's parameters, all or some.
    accumulate : int, default 1
        Update after so many steps, by the mean of their gradients: the same as one batch of so many times the size,
        for losses that are means over rows. The last group of an epoch may have fewer steps. Steps by :meth:`step`
        wait for their group to be full; a call of :meth:`fit` begins a new one.
    average : WeightAverage, optional
        Takes in the weights after each update. :meth:`fit` validates by it; the model keeps the trained weights, and
        predicts by the average inside ``with average.applied():``.
    precision : None, "bf16" or "bf16-emulated"
        Of the products of a training step. None: the model's dtype. "bf16": both factors of each product of layers are
        rounded to bfloat16, which has float32's range and 8 bits of significand, and added up in float32; weights,
        gradients and all else stay float32, and so do predictions. Needs a processor with AMX (Intel's from Sapphire
        Rapids on; Linux 5.16), whose tiles do 16 times the multiply-adds of float32, or with AVX512-BF16, which does
        up to twice as many; the better one is taken, and ``lm.show_config()`` names it. The two add up in another
        order, so that the last bits of results differ between them. Neither has been timed: their instructions have
        run in emulators only. "bf16-emulated": the same rounding anywhere, slower than float32, to see what it does to
        a training.

    Raises
    ------
    ValueError
        If the optimizer or the average holds parameters of another model, or the machine or the model's dtype lacks
        that precision.

    Attributes
    ----------
    history : History
        Of all calls of :meth:`fit`.
    fitted : dict or None
        Arguments of the last call, without data and functions, and the schedule as text.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        accumulate: int = 1,
        average: WeightAverage | None = None,
        precision: str | None = None,
    ) -> None:
        for name, value, kind in (("model", model, Module), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
            if not isinstance(value, kind):
                hint = " (an instance, not the class)" if isinstance(value, type) else ""
                raise TypeError(f"[Trainer] {name} is {value!r} but must be a {kind.__name__}{hint}")
        if average is not None and not isinstance(average, WeightAverage):
            raise TypeError(f"[Trainer] average is {average!r} but must be a WeightAverage")
        self.model, self.loss, self.optimizer, self.average = model, loss, optimizer, average
        self.accumulate = _check.integer("Trainer", "accumulate", accumulate, 1)
        self.added = 0  # steps whose gradients wait for their update
        self.history = History()
        self.fitted: dict[str, Any] | None = None
        self._check_loss()
        self._check_owner(model.store())
        self.precision = check_precision("Trainer", precision, model.store().dtype.name)
        if [module for _, module in model.named_modules()][-1].gives_probabilities:
            loss.warn_of_probabilities()
        self._step: NativeStep | StepByHand | None = None
        self._loss_runner: tuple[Any, LossRunner] | None = None  # of validation, and what it was made for
        self._schedule: LRScheduler | None = None  # of the last fit
        self._schedule_state: Mapping[str, Any] | None = None  # loaded, for the schedule of the next fit
        self._stopping: Stopping | None = None  # of the fit that is going on
        self._stopping_state: Mapping[str, Any] | None = None  # loaded, for the next fit

    def _check_loss(self) -> None:
        if self.loss.reduction == "none":
            raise ValueError(
                f'[Trainer] loss ({type(self.loss).__name__}) has reduction "none", which gives no one number to train '
                'on; use "mean" or "sum"'
            )

    def _check_owner(self, store: Store) -> None:
        optimizer = type(self.optimizer).__name__
        own = {id(parameter) for _, parameter in self.model.named_parameters()}
        strangers = [p.name for p in self.optimizer.parameters() if id(p) not in own]
        if strangers:
            raise ValueError(
                f"[Trainer] optimizer ({optimizer}) holds parameters that are not this model's: "
                f"{', '.join(strangers[:4])}; make it of model.parameters()"
            )
        if any(memory is not store.memory for memory in self.optimizer.memories):
            raise ValueError(
                f"[Trainer] the model's parameters have become part of another model since optimizer ({optimizer}) was "
                "made; make the optimizer after the last model"
            )
        if self.average is not None and any(memory is not store.memory for memory in self.average.memories):
            raise ValueError("[Trainer] average holds parameters that are not this model's; make it of the optimizer")

    def prepare(self, width: int, target: Array) -> NativeStep | StepByHand:
        """The step for inputs of that width and targets of that kind; made anew if the model's memory is another."""
        store = self.model.store()
        step = self._step
        kind = self.loss.kind_of(target)
        made_for = (*(module.training for module in self.model._modules), kind, self.loss.form())
        fits = step is not None and step.store is store and step.revision == self.optimizer.revision
        if step is None or not fits or step.width != width or step.made_for != made_for:
            self._check_loss()
            self._check_owner(store)
            step = NativeStep.make(self, store, width, kind)
            step.made_for = made_for
            self._step = step
        step.mode_changes = Module.mode_changes
        return step

    def ready(self) -> None:
        """The weights are those to train."""
        if not self.optimizer.training:
            self.optimizer.train()
        if self.average is not None:
            self.average.check_ready()

    def mode(self) -> bool | None:
        """Each layer as it is set, so that one may be frozen by its ``eval()``; all train if the model is in eval."""
        return None if self.model.training else True

    def _samples(self, x: Any, y: Any, sample_weight: Any, where: str) -> Samples:
        return samples_of(self.model, self.loss, x, y, sample_weight, where)

    def step(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One training step.

        Parameters
        ----------
        x : array-like or scipy.sparse matrix, (n, features)
        y : array-like
            Targets, as the loss takes them.
        sample_weight : array-like, (n,), optional
            What each row counts in the loss, see :class:`lamella.nn.Loss`.

        Returns
        -------
        float
            The loss before the update.

        Notes
        -----
        Schedule-free optimizers leave the model at their training point: ``optimizer.eval()`` before predictions.
        """
        if not self.optimizer.training or self.average is not None:
            self.ready()
        step = self._step
        if (
            step is not None
            and step.mode_changes == Module.mode_changes
            and self.model.store() is step.store
            and step.revision == self.optimizer.revision
        ):
            value = step.quick(x, y) if sample_weight is None else step.quick(x, y, sample_weight)
            if value is not None:
                return value
        where = "Trainer.step"
        batch = self._samples(dense(x), y, sample_weight, where)
        step = self.prepare(batch.x.shape[1], batch.target)
        if len(batch) < step.least_rows:
            self.model.check_rows(len(batch), self.mode(), where)
        check_indices(batch.x, step.indices, "x", where)
        return self.advance(step, batch.x, batch.target, batch.weight)

    def advance(self, step: NativeStep | StepByHand, x: Array, target: Array, weight: Array | None = None) -> float:
        """One step on checked arrays, every ``accumulate``-th with an update: its loss."""
        value = step.run(x, target, weight, self.added)
        self.added = (self.added + 1) % self.accumulate
        return value

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        shuffle: bool = True,
        drop_last: bool = False,
        on_epoch: OnEpoch | None = None,
        sample_weight: Any = None,
        *,
        callbacks: Callback | OnEpoch | Sequence[Callback | OnEpoch] | None = None,
        schedule: LRScheduler | None = None,
        unit: str | None = None,
        monitor: str = "val_loss",
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best: bool = True,
        on_divergence: CutOnDivergence | None = None,
        mixup: float | None = None,
        sampling: Sampling = None,
        augment: Augment | None = None,
    ) -> History:
        """Train for some epochs: in one native call those that need nothing from Python in between.

        Parameters
        ----------
        x : array-like, (n, features), or source
            A source (:mod:`lamella.data`), or an iterable of batches (x, y), has its own targets: ``fit(source)``. It
            is read on another thread while it is trained on. Sparse matrices, and memory-mapped arrays of another dtype
            than the model's, are converted some rows at a time.
        y : array-like
            Targets, as the loss takes them.
        epochs : int, default 1
        batch_size : int, default 32
        validation_data : (x, y) or (x, y, sample_weight), source or iterable of batches, optional
            Evaluated after each epoch; by the average, if there is one.
        shuffle : bool, default True
            Take the rows in a new random order each epoch: a function of the model's seed and the epochs so far. A
            source's within windows of its ``shuffle_rows``, see :class:`lamella.data.Source`.
        drop_last : bool, default False
            Leave out a last, smaller batch. If kept, and too small for batch normalization, it joins the one before.
        on_epoch : callable, optional
            Called as ``on_epoch(epoch, record)`` after each epoch (from 0) with its new entries of the history; True
            stops the training. May set ``optimizer.lr``, or save the trainer.
        sample_weight : array-like, (n,), optional
            What each row counts in the loss, see :class:`lamella.nn.Loss`. The history's loss is then the mean over
            batches by what their rows count together.
        callbacks : Callback, function, or list of them, optional
            Look at the training while it goes on, see :mod:`lamella.callbacks`; functions are as ``on_epoch``, which is
            called before them. Only where one has a hook for steps does Python come in between steps.
        schedule : LRScheduler, optional
            Sets the optimizer's rates, from where it is: ``optim.StepLR(optimizer, 10)``.
        unit : "epoch" or "step", optional
            What the schedule counts. By default each part of it what it is made for: OneCycleLR, CyclicLR and Warmup
            steps (batches), as PyTorch's documentation advises, all others epochs.
        monitor : str, default "val_loss"
            Key of the record that ReduceLROnPlateau and ``patience`` look at: "loss", the loss's score, "objective"
            (loss and penalty, which the history then has, too), or with validation data "val_" + loss or score.
            Accuracies are to rise, everything else is to fall.
        patience : int, optional
            Stop after so many epochs in a row without improvement; the count begins with each call, but goes on from
            what was saved inside another one. The same as an :class:`lamella.callbacks.EarlyStopping`.
        min_delta : float, default 0
            What counts as an improvement on the best so far.
        restore_best : bool, default True
            With ``patience``: end with the weights and running statistics of the best epoch, also where the epochs ran
            out first. The optimizer stays as it is.
        on_divergence : CutOnDivergence, optional
            Where the loss becomes NaN or infinite, go on from the last good epoch at lower rates.
        mixup : float, optional
            alpha of mixup (Zhang et al. 2018): each row becomes a convex combination of two, and so do their targets,
            with weights from Beta(alpha, alpha), a function of the model's seed and the epochs so far. Labels of
            CrossEntropyLoss become probabilities (all 0 where they are ignored: such a row loses nothing, but counts in
            the mean); losses that take nothing but labels have no mixup, nor have models with an Embedding, as indices
            cannot be mixed.
        sampling : "balanced" or callable, optional
            Which rows an epoch takes. "balanced": as many as there are, classes equally often, by the model's seed and
            the epochs so far. ``sampling(epoch, rng)`` returns row numbers, any number of them, in the order they are
            taken; epochs count from the trainer's first, and ``rng`` is a function of that and the seed. Not for
            sources, whose rows come as they are read.
        augment : callable, optional
            Makes each batch another one: ``augment(x, rng)`` returns x, or ``augment(x, y, rng)``, told by its three
            parameters, x and y, of the same shapes; arrays that it gets are its own. ``rng`` is a function of the
            model's seed, the epochs so far and the batch's number. Runs on another thread, ahead of the training. See
            :mod:`lamella.data.augment`.

        Returns
        -------
        History
            Of this call. :attr:`history` goes on over calls.

        Raises
        ------
        ValueError
            If data has NaN or infinite values (by column), labels are out of range, shapes differ, ``monitor`` names
            what is not there, or the schedule does not last so long. Nothing is trained then; but rows of a source are
            checked when they are read, and what was trained before stays.
        DivergenceError
            If the loss becomes NaN or infinite; the model keeps its last weights.
        """
        options = Options(
            where="Trainer.fit",
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            drop_last=drop_last,
            on_epoch=on_epoch,
            callbacks=callbacks,
            schedule=schedule,
            unit=unit,
            monitor=monitor,
            patience=patience,
            min_delta=min_delta,
            restore_best=restore_best,
            on_divergence=on_divergence,
            mixup=mixup,
            sampling=sampling,
            augment=augment,
        )
        return training_of(self, x, y, sample_weight, validation_data, options).run()

    def _training_samples(self, x: Any, y: Any, sample_weight: Any, where: str) -> Samples:
        samples = self._samples(x, y, sample_weight, where)
        check_samples(samples, where, getattr(x, "columns", None))
        return samples

    def resume(self, scheduling: Scheduling, steps: int | None, epochs: int) -> None:
        """Begin a training's schedule, from a state that was loaded if there is one."""
        scheduling.resume(self._schedule_state, steps, epochs)
        self._schedule = scheduling.schedule
        if self._schedule is not None:
            self._schedule_state = None

    def stopping_state(self) -> Mapping[str, Any] | None:
        """How far early stopping has come: of the fit that is going on, or of a state that was loaded."""
        return self._stopping_state if self._stopping is None else self._stopping.state_dict()

    @contextlib.contextmanager
    def counting(self, stopping: Stopping | None) -> Iterator[None]:
        """A context in which that is the early stopping of the fit that is going on."""
        before, self._stopping, self._stopping_state = self._stopping, stopping, None
        try:
            yield
        finally:
            self._stopping = before  # a callback may train the same model

    def forward_runner(self, width: int) -> _core.Runner | None:
        """Evaluates inputs of that width natively, or None if a layer runs in Python."""
        return self.model.forward_pass(width).runner

    def validate(self, stretch: Any, held_out: Samples) -> None:
        """Have a native stretch measure those rows after each epoch, as :meth:`measure` does."""
        width, store, kind = held_out.x.shape[1], self.model.store(), self.loss.kind_of(held_out.target)
        outputs = self.model.forward_pass(width).outputs
        key = (store, width, kind, self.loss.form())
        if self._loss_runner is None or self._loss_runner[0] != key:
            self._loss_runner = key, LossRunner(self.loss, store.dtype.name, outputs, kind, gradient=False)
        loss = self._loss_runner[1]
        exchange = None if self.average is None else self.average.exchange_runner(store.memory)
        stretch.validate(
            self.forward_runner(width),
            loss.runner,
            exchange,
            outputs,
            loss.result,
            held_out.x,
            held_out.target,
            held_out.weight,
            held_out.rows,
        )

    def steps_per_epoch(self, rows: int, batch_size: int = 32, drop_last: bool = False) -> int:
        """Steps that an epoch of :meth:`fit` takes, for schedules that have to know.

        Parameters
        ----------
        rows : int
            Of the training data.
        batch_size : int, default 32
        drop_last : bool, default False
        """
        where = "Trainer.steps_per_epoch"
        rows = _check.integer(where, "rows", rows, 1)
        batch_size = min(_check.integer(where, "batch_size", batch_size, 1), rows)
        return _core.epoch_steps(rows, batch_size, self.model.least_rows_of_all(self.mode()), drop_last)

    def lr_range_test(
        self,
        x: Any,
        y: Any,
        low: float = 1e-7,
        high: float = 10.0,
        steps: int = 100,
        batch_size: int = 32,
        smoothing: float = 0.9,
        divergence: float = 4.0,
    ) -> LRRangeTest:
        """Train at rates that grow from step to step, to see which are good. Model and optimizer are then as before.

        Smith 2017. The rates grow by the same factor from ``low`` to ``high``; it ends early when the loss diverges.
        Rates are the first parameter group's; the others' keep their proportion to it.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.
        low, high : float, default 1e-7 and 10
        steps : int, default 100
            At least 2.
        batch_size : int, default 32
        smoothing : float, default 0.9
            Share of the past in the average of losses. In [0, 1).
        divergence : float, default 4
            The loss diverges when its average is so many times the lowest one so far, or NaN or infinite. Above 1.

        Returns
        -------
        LRRangeTest
            Rates, losses, ``.suggestion`` and ``.plot()``.
        """
        where = "Trainer.lr_range_test"
        limits = range_test.check_limits(low, high, steps, batch_size, divergence, where)
        smoothing = _check.number(where, "smoothing", smoothing, 0, 1, open_end=True)
        samples = self._training_samples(x, y, None, where)
        return range_test.grow(self, samples, limits, smoothing, where)

    def largest_stable_lr(
        self,
        x: Any,
        y: Any,
        high: float = 10.0,
        factor: float = 0.5,
        low: float = 1e-7,
        steps: int = 100,
        batch_size: int = 32,
        divergence: float = 4.0,
    ) -> float:
        """Start large, and halve the rate until the loss does not diverge. Model and optimizer are then as before.

        Bengio 2012. Each rate is tried for some steps from the present weights.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.
        high : float, default 10
            The first rate, of the first parameter group; the others' keep their proportion to it.
        factor : float, default 0.5
            In (0, 1).
        low : float, default 1e-7
        steps : int, default 100
            For each rate.
        batch_size : int, default 32
        divergence : float, default 4
            The loss diverges when its average is so many times the lowest one so far, or NaN or infinite. Above 1.

        Returns
        -------
        float
            The first rate at which the loss did not diverge. A good one to train at is a part of that.

        Raises
        ------
        DivergenceError
            If the loss diverges at every rate down to ``low``.
        """
        where = "Trainer.largest_stable_lr"
        limits = range_test.check_limits(low, high, steps, batch_size, divergence, where)
        _check.positive(where, "factor", factor)
        factor = _check.number(where, "factor", factor, 0, 1, open_end=True)
        samples = self._training_samples(x, y, None, where)
        return range_test.shrink(self, samples, limits, factor, where)

    def state_dict(self) -> dict[str, Any]:
        """All that a training that is stopped needs to go on with the same bits.

        Returns
        -------
        dict
            "model" and "optimizer" (their state dicts), "counters" (scalars of the layers, such as dropout's steps),
            "schedule" (of the last :meth:`fit`, or None), "early_stopping" (inside a fit with ``patience``: how far it
            came, and the best epoch's weights; else None), "history" and "seed".
        """
        return checkpoint.state_of(self)

    def load_state_dict(self, state: Mapping[str, Any], schedule: bool = True) -> None:
        """Take over what :meth:`state_dict` gave; if it does not fit, nothing is changed.

        Parameters
        ----------
        state : mapping
        schedule : bool, default True
            Whether the schedule that is given to the next :meth:`fit`, and its ``patience``, go on from the state's.
            Make the schedule with the same arguments as before.

        Raises
        ------
        ValueError
            If it is the state of another model, optimizer or trainer.
        """
        checkpoint.restore(self, state, schedule, "Trainer.load_state_dict")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`state_dict` to a file, atomically: the file is the old one or the whole new one, never half.

        Safetensors and JSON, no pickle. For a model alone, to be used elsewhere, :func:`lamella.save`.

        Parameters
        ----------
        path : str or path
        """
        checkpoint.save(self, path)

    def load(self, path: str | os.PathLike[str], schedule: bool = True) -> None:
        """Go on from a file that :meth:`save` wrote; if it does not fit, nothing is changed.

        Parameters
        ----------
        path : str or path
        schedule : bool, default True
            As in :meth:`load_state_dict`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged, no trainer's, or of another model or optimizer.
        """
        checkpoint.load(self, path, schedule)

    def measure(self, features: Array, target: Array, weight: Array | None) -> dict[str, float]:
        """:meth:`evaluate` on checked arrays."""
        loss, score = self.loss.evaluate(self.model.predict(features), target, weight)
        return {"loss": loss, self.loss.score_name: score}

    def evaluate(self, x: Any, y: Any = None, sample_weight: Any = None) -> dict[str, float]:
        """Loss and score in evaluation mode.

        Parameters
        ----------
        x : array-like, (n, features), or source
            As for :meth:`fit`.
        y : array-like
            Targets, as the loss takes them.
        sample_weight : array-like, (n,), optional
            What each row counts in loss and score.

        Returns
        -------
        dict
            "loss" and the loss's score, such as "accuracy" or "mse".
        """
        self._check_loss()
        where = "Trainer.evaluate"
        x, y, sample_weight = unpacked(x, y, sample_weight)
        source = as_source(x, y, sample_weight, self.model.store().dtype, where)
        if source is not None:
            return stream_of(self, source, where, finite=False).measure(self)
        samples = self._samples(x, y, sample_weight, where)
        return self.measure(samples.x, samples.target, samples.weight)

    def predict(self, x: Any, batch_size: int = 1024) -> Array:
        """Outputs of the model in evaluation mode, for ``loss.decide`` or ``loss.probabilities``.

        Parameters
        ----------
        x : array-like, (n, features)
        batch_size : int, default 1024
            Rows a block.

        Returns
        -------
        ndarray, (n, outputs)
        """
        return self.model.predict(x, batch_size)
