"""How each model of a population is trained in one call of fit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lamella._arrays import Array
from lamella.nn import _check
from lamella.optim.group import Group
from lamella.optim.schedule import LRScheduler
from lamella.population.member import Member
from lamella.population.progress import Progress, Tick
from lamella.population.rows import Learned, held_out_rows, training_rows
from lamella.population.spread import spread, spread_settings
from lamella.trainer.divergence import CutOnDivergence
from lamella.trainer.options import Options
from lamella.trainer.order import Sampling
from lamella.trainer.samples import Samples, held_out_parts
from lamella.trainer.tables import Tables
from lamella.trainer.training import Training

#: Options of Trainer.fit that may differ by model.
_EACH = ("epochs", "batch_size", "patience", "min_delta", "mixup")


def _tell(on_epoch: Callable[..., bool | None], member: Member, epoch: int, record: dict[str, float]) -> bool:
    """Whether the model's training is to end: it may have been dropped meanwhile."""
    return bool(on_epoch(member.number, epoch, record)) or member.out is not None


@dataclass
class FitPlan:
    """Arguments of :meth:`Population.fit`, under their names there, for ``count`` models."""

    count: int
    seeds: Sequence[int]
    where: str
    epochs: Any
    batch_size: Any
    shuffle: bool
    drop_last: bool
    on_epoch: Callable[[int, int, dict[str, float]], bool | None] | None
    samples: Any
    validation_samples: Any
    schedule: Callable[..., LRScheduler] | None
    schedule_settings: Mapping[str, Any] | None
    unit: str | None
    monitor: str
    patience: Any
    min_delta: Any
    restore_best: bool
    on_divergence: CutOnDivergence | None
    mixup: Any
    sampling: Sampling
    progress: bool

    def __post_init__(self) -> None:
        n, where = self.count, self.where
        self.shown = Progress() if _check.flag(where, "progress", self.progress) else None
        self._each = {name: spread(name, getattr(self, name), n, where) for name in _EACH}
        if self.schedule is not None and (isinstance(self.schedule, LRScheduler) or not callable(self.schedule)):
            raise TypeError(
                f"[{where}] schedule is {self.schedule!r:.80} but must be a class of optim.schedule, or a function of "
                "the optimizer"
            )
        if self.schedule is None and self.schedule_settings is not None:
            raise ValueError(f"[{where}] schedule_settings are given without a schedule")
        self._schedules: list[dict[str, Any]] = [{}] * n
        if self.schedule is not None:
            self._schedules = spread_settings("schedule_settings", self.schedule_settings, self.schedule, n, where, 1)
        if self.on_epoch is not None and not callable(self.on_epoch):
            raise TypeError(f"[{where}] on_epoch is {self.on_epoch!r} but must be a function of (model, epoch, record)")

    def take(self, x: Any, y: Any, sample_weight: Any, validation_data: Any, first: Member) -> None:
        """Take over the data, checked as for the first model to be trained."""
        n, where = self.count, self.where
        if validation_data is not None and self.validation_samples is not None:
            raise ValueError(f"[{where}] validation_data and validation_samples are given, but only one can be")
        self._tables = Tables(x, y, sample_weight, n, True, where)
        shared = self._tables.of(first.trainer, first.number)
        self._rows = training_rows(self.samples, len(shared), self.seeds, shared.target, where)
        self._held: Tables | None = None
        self._held_rows: list[Array] | None = None
        if validation_data is not None:
            self._held = Tables(*held_out_parts(validation_data, where), n, False, f"{where} validation_data")
        elif self.validation_samples is not None:
            self._held = self._tables
            self._held_rows = held_out_rows(self.validation_samples, len(shared), self._rows, where)

    def trainings(self, members: Iterable[Member]) -> list[Training]:
        """Those of the models; if anything does not fit it raises, and leaves all rates as they were."""
        made: list[tuple[Group, dict[str, Any], float | None]] = []
        found = []
        try:
            for member in members:
                made += [(group, dict(group), group.initial_lr) for group in member.trainer.optimizer.param_groups]
                found.append(self.training(member))
        except BaseException:
            for group, settings, initial_lr in made:  # a schedule sets rates as soon as it is made
                group.take(settings)
                group.initial_lr = initial_lr
            raise
        return found

    def learned(self, member: Member) -> Learned:
        """The rows that it learns from."""
        n = len(self._tables.features(member.trainer.model))
        return Learned(self._rows[member.number], n)

    def training(self, member: Member) -> Training:
        """That of one model; raises if anything does not fit."""
        number, trainer = member.number, member.trainer
        try:
            samples = self._tables.of(trainer, number)
            held = None if self._held is None else self._held.of(trainer, number)
            if held is not None and self._held_rows is not None:
                held = Samples(held.x, held.target, held.weight, self._held_rows[number])
            rows = self._rows[number]
            samples = samples if rows is None else Samples(samples.x, samples.target, samples.weight, rows)
            return Training(trainer, samples, held, self._options(member))
        except (TypeError, ValueError, RuntimeError) as error:
            if str(error).startswith(f"[{self.where}"):
                raise
            raise type(error)(f"[{self.where}] model {number}: {error}") from error

    @staticmethod
    def over(training: Training) -> None:
        """Take note that one is at its end."""
        for callback in training.options.callbacks:
            if isinstance(callback, Tick):
                callback.over()

    def _options(self, member: Member) -> Options:
        number, on_epoch = member.number, self.on_epoch
        schedule = None
        if self.schedule is not None:
            schedule = self.schedule(member.trainer.optimizer, **self._schedules[number])
        return Options(
            where=f"{self.where} model {number}",
            shuffle=self.shuffle,
            drop_last=self.drop_last,
            on_epoch=None if on_epoch is None else partial(_tell, on_epoch, member),
            schedule=schedule,
            unit=self.unit,
            monitor=self.monitor,
            restore_best=self.restore_best,
            on_divergence=self.on_divergence,
            sampling=self.sampling,
            callbacks=None if self.shown is None else self.shown.tick(self._each["epochs"][number]),
            **{name: values[number] for name, values in self._each.items()},
        )

    @staticmethod
    def largest_first(trainings: Iterable[Training]) -> list[Training]:
        """In the order in which threads are least likely to wait for the last one."""

        def work(training: Training) -> int:
            size = (training.samples.count or 1) * (training.trainer.model.num_parameters + 1000)
            return training.options.epochs * size

        return sorted(trainings, key=work, reverse=True)
