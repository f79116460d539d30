"""Every technique as a case: what model k of a population is made of and trained by, and the same for all at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lamella as lm
from lamella import nn, optim
from lamella.optim import schedule
from optimizers.every import EVERY
from population.world import everything, labelled, members, spread
from trainer.world import Identity

N = 67
RNG = np.random.default_rng(5)
X, LABELS = labelled(N)
VALUES = np.stack([X[:, 0] - X[:, 1], np.sin(X[:, 2]), X[:, 3] ** 2], axis=1)
INDICES = np.column_stack([X[:, 0], np.arange(N) % 4, X[:, 2:]])
WEIGHTS = RNG.uniform(0, 2, (17, N))
ROWS = [RNG.permutation(N)[: 20 + 2 * k] for k in range(17)]
HELD_OUT = labelled(31)


def nothing(k):
    return {}


@dataclass
class Case:
    """Settings are functions of the model's number; ``layers`` are (key of layer_settings, index in the model)."""

    factory: Callable[..., Any] = lambda: net()
    loss: Any = nn.CrossEntropyLoss
    loss_settings: Callable[[int], dict] = nothing
    optimizer: Any = optim.Adam
    settings: Callable[[int], dict] = lambda k: {"lr": 0.002 * (k + 1)}
    layers: Callable[[int], dict] = nothing
    accumulate: Callable[[int], int] = lambda k: 1
    schedule: Any = None
    schedule_settings: Callable[[int], dict] = nothing
    each: Callable[[int], dict] = nothing  # options of fit that may differ by model
    fit: dict = field(default_factory=dict)
    weights: Callable[[int], Any] = lambda k: None
    rows: Callable[[int], Any] = lambda k: None
    held_out: Callable[[int], Any] = lambda k: None
    y: Any = field(default_factory=lambda: LABELS)
    x: Any = field(default_factory=lambda: X)
    calls: int = 1

    def alone(self, k):
        """The trainer of model k, by itself."""
        model = self.factory(k) if self.factory.__code__.co_argcount else self.factory()
        model.seed = 100 + k
        for key, value in self.layers(k).items():
            kind, name = key.split(".")
            for module in model:
                if type(module).__name__ == kind:
                    setattr(module, name, value)
        optimizer = self.optimizer(model.parameters(), **self.settings(k))
        trainer = lm.Trainer(model, self.loss(**self.loss_settings(k)), optimizer, accumulate=self.accumulate(k))
        rows = np.arange(N) if self.rows(k) is None else self.rows(k)
        weight = None if self.weights(k) is None else self.weights(k)[rows]
        held_out = self.held_out(k)
        if held_out is not None and isinstance(held_out, np.ndarray):
            own = self.weights(k)
            held_out = (self.x[held_out], self.y[held_out], *([] if own is None else [own[held_out]]))
        for _ in range(self.calls):
            own = None if self.schedule is None else self.schedule(optimizer, **self.schedule_settings(k))
            options = {"batch_size": 16, "epochs": 3, **self.fit, **self.each(k), "validation_data": held_out}
            trainer.fit(self.x[rows], self.y[rows], sample_weight=weight, schedule=own, **options)
        return trainer

    def together(self, n):
        """The trainers of n models, by a population."""
        pop = lm.Population(
            self.factory,
            n,
            seeds=range(100, 100 + n),
            loss=self.loss,
            loss_settings=spread(self.loss_settings, n),
            optimizer=self.optimizer,
            settings=spread(self.settings, n),
            layer_settings=spread(self.layers, n),
            accumulate=[self.accumulate(k) for k in range(n)],
        )
        options = {"batch_size": 16, "epochs": 3, **self.fit, **spread(self.each, n)}
        if self.weights(0) is not None:
            shared = self.weights(0) is self.weights(1)
            options["sample_weight"] = self.weights(0) if shared else np.stack([self.weights(k) for k in range(n)])
        if self.rows(0) is not None:
            options["samples"] = [self.rows(k) for k in range(n)]
        if isinstance(self.held_out(0), np.ndarray):
            options["validation_samples"] = [self.held_out(k) for k in range(n)]
        elif self.held_out(0) is not None:
            options["validation_data"] = self.held_out(0)
        if self.schedule is not None:
            options.update(schedule=self.schedule, schedule_settings=spread(self.schedule_settings, n))
        for _ in range(self.calls):
            pop.fit(self.x, self.y, **options)
        return members(pop)


def net(dtype="float32", python=False):
    return nn.Sequential(
        nn.Linear(5, 9),
        nn.BatchNorm1d(9),
        nn.ReLU(),
        nn.GaussianNoise(0.1),
        nn.Dropout(0.2),
        *([Identity()] if python else []),
        nn.Linear(9, 3),
        dtype=dtype,
    )


def scaled():
    return nn.Sequential(nn.Standardize.of(X), nn.Linear(5, 9), nn.Normalize(), nn.Linear(9, 3), dtype="float32")


def architecture(k):
    width = 3 + 5 * (k % 3)
    layers = [nn.Linear(5, width), nn.Tanh()] + [nn.Linear(width, width), nn.ReLU()] * (k % 2)
    return nn.Sequential(*layers, nn.Linear(width, 3), dtype=["float32", "float64"][k % 2])


def table():
    return nn.Sequential(nn.Embedding(4, 3, columns=[1], in_features=5), nn.Linear(7, 3), dtype="float32")


def own_sampling(epoch, rng):
    return rng.integers(N, size=40 + epoch)


def optimizer_case(name):
    kind, settings = EVERY[name]
    return Case(
        optimizer=kind,
        settings=lambda k: {**settings, "lr": settings.get("lr", 1.0) * (1 + k) / 4, "weight_decay": 1e-3 * k},
    )


CASES = {
    **{name: optimizer_case(name) for name in EVERY},
    "momentum": Case(optimizer=optim.SGD, settings=lambda k: {"lr": 0.05, "momentum": 0.1 + 0.04 * k}),
    "betas": Case(settings=lambda k: {"betas": (0.5 + k / 40, 0.9 + k / 200)}),
    "clipping": Case(settings=lambda k: {"clip_norm": 0.1 * (k + 1), "clip_value": 0.01 * (k + 1)}),
    "penalties": Case(settings=lambda k: {"weight_decay": 0.01 * k, "l1": 0.001 * (k % 3), "max_norm": 0.5 + k}),
    "sparsity": Case(
        factory=lambda: nn.Sequential(
            nn.Linear(5, 9), nn.Sigmoid(), nn.Sparsity(0.01, 0.1), nn.Linear(9, 3), dtype="float32"
        ),
        layers=lambda k: {"Sparsity.l1": 0.01 * k, "Sparsity.target": 0.05 * (k + 1)},
    ),
    "dropout": Case(layers=lambda k: {"Dropout.p": k / 20}),
    "noise": Case(layers=lambda k: {"GaussianNoise.std": k / 10}),
    "scaling": Case(factory=scaled),
    "label smoothing": Case(loss_settings=lambda k: {"label_smoothing": k / 20}),
    "class weights": Case(loss_settings=lambda k: {"weight": (1.0, 1.0 + k, 0.5)}),
    "focal": Case(loss=nn.FocalLoss, loss_settings=lambda k: {"gamma": k / 4}),
    "ignored labels": Case(y=np.where(np.arange(N) % 5 == 0, -100, LABELS)),
    "shared weights": Case(weights=lambda k: SHARED),
    "own weights": Case(weights=lambda k: WEIGHTS[k]),
    "accumulate": Case(accumulate=lambda k: 1 + k % 3),
    "rows": Case(rows=lambda k: ROWS[k]),
    "rows in order": Case(rows=lambda k: ROWS[k], fit={"shuffle": False}),
    "weighted rows, measured on others": Case(
        rows=lambda k: ROWS[k],
        weights=lambda k: WEIGHTS[k],
        held_out=lambda k: np.setdiff1d(np.arange(N), ROWS[k]),
    ),
    "drop last": Case(fit={"drop_last": True}),
    "fewer rows than a batch": Case(rows=lambda k: ROWS[k][:7], fit={"drop_last": True}),
    "batch sizes and epochs": Case(each=lambda k: {"batch_size": 5 + k, "epochs": k % 4}),
    "repeated": Case(calls=3),
    "repeated, validated": Case(calls=2, held_out=lambda k: HELD_OUT),
    "weighted validation": Case(held_out=lambda k: (*HELD_OUT, WEIGHTS[0][:31])),
    "patience": Case(
        held_out=lambda k: HELD_OUT,
        settings=lambda k: {"lr": 0.02 * (k + 1)},
        each=lambda k: {"patience": 1 + k % 3, "epochs": 25, "min_delta": 0.01 * (k % 2)},
    ),
    "patience of some, on the loss": Case(
        settings=lambda k: {"lr": 0.05 * (k + 1)},
        each=lambda k: {"patience": [None, 2][k % 2], "epochs": 12},
        fit={"monitor": "accuracy", "restore_best": False},
    ),
    "schedule by epoch": Case(
        schedule=schedule.ExponentialLR, schedule_settings=lambda k: {"gamma": 0.5 + k / 40}, fit={"epochs": 5}
    ),
    "schedule by step": Case(
        schedule=schedule.OneCycleLR,
        schedule_settings=lambda k: {"max_lr": 0.01 * (k + 1), "total_steps": 20},
        fit={"epochs": 4},
    ),
    "plateau": Case(
        schedule=schedule.ReduceLROnPlateau,
        schedule_settings=lambda k: {"factor": 0.3 + k / 40, "patience": k % 2},
        settings=lambda k: {"lr": 0.05 * (k + 1)},
        fit={"epochs": 8, "monitor": "loss"},
    ),
    "schedule-free": Case(
        optimizer=optim.ScheduleFreeAdamW, settings=lambda k: {"lr": 0.01 * (k + 1)}, held_out=lambda k: HELD_OUT
    ),
    "mixup": Case(each=lambda k: {"mixup": k / 10}, rows=lambda k: ROWS[k]),
    "balanced": Case(fit={"sampling": "balanced"}, rows=lambda k: ROWS[k]),
    "own sampling": Case(fit={"sampling": own_sampling}),
    "cut on divergence": Case(
        settings=lambda k: {"lr": 3.0 ** (k % 5)},
        optimizer=optim.SGD,
        loss=nn.MSELoss,
        y=VALUES,
        fit={"on_divergence": lm.CutOnDivergence(times=60), "epochs": 4},
    ),
    "in Python": Case(factory=lambda: net(python=True), each=lambda k: {"epochs": 1 + k % 2}),
    "some in Python": Case(factory=lambda k: net(python=k % 3 == 1), held_out=lambda k: HELD_OUT),
    "float64": Case(factory=lambda: net("float64"), weights=lambda k: WEIGHTS[k], held_out=lambda k: HELD_OUT),
    "architectures": Case(factory=architecture, held_out=lambda k: HELD_OUT, weights=lambda k: SHARED),
    "embedding": Case(factory=table, x=INDICES, rows=lambda k: ROWS[k]),
    "batch norm": Case(layers=lambda k: {"BatchNorm1d.momentum": k / 20, "BatchNorm1d.eps": 10.0 ** -(k + 1)}),
    "milestones of each": Case(
        schedule=schedule.MultiStepLR, schedule_settings=lambda k: {"milestones": (1, 2 + k)}, fit={"epochs": 5}
    ),
    "regression": Case(loss=nn.HuberLoss, loss_settings=lambda k: {"delta": 0.1 * (k + 1)}, y=VALUES),
}
SHARED = WEIGHTS[0].copy()


def flat(trainer):
    """All that may not differ."""
    return {**everything(trainer), "best": trainer.history.best_epoch, "stopped": trainer.history.stopped}
