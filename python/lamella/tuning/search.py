"""Search for good settings."""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule import LRScheduler
from lamella.trainer.divergence import DivergenceError
from lamella.tuning.budget import epochs_of_a_trial, round_sizes
from lamella.tuning.draw import Given, Settings, Space
from lamella.tuning.halving import Halving, rungs
from lamella.tuning.ladder import Ladder
from lamella.tuning.plan import Plan
from lamella.tuning.result import COLUMNS, SearchResult
from lamella.tuning.running import Limits, OnTrial, Round
from lamella.tuning.trial import Trial

_WHERE = "search"


class SearchInterrupted(KeyboardInterrupt):
    """Ctrl-C during :func:`lamella.search`: ``found`` holds what it had found by then."""

    def __init__(self, found: SearchResult) -> None:
        states = [trial.state for trial in found.trials]
        over = len(states) - states.count("stopped") - states.count("waiting")
        super().__init__(
            f"[search] interrupted after {over} of {len(states)} trials; what was found is in this exception's .found "
            "(in a notebook: sys.last_value.found)"
        )
        self.found = found


def search(
    factory: Callable[..., Module],
    space: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    x: Any,
    y: Any,
    n: int | None = None,
    budget: int | None = None,
    *,
    loss: Loss | Callable[..., Loss],
    optimizer: Callable[..., Optimizer],
    epochs: int | None = None,
    validation_data: tuple[Any, ...] | None = None,
    cv: Any = None,
    sample_weight: Any = None,
    schedule: Callable[..., LRScheduler] | None = None,
    monitor: str = "val_loss",
    halving: Halving | None = None,
    rounds: int = 1,
    seed: int = 0,
    keep: int = 1,
    refit: bool = False,
    seconds: float | None = None,
    on_trial: OnTrial | None = None,
    **options: Any,
) -> SearchResult:
    """Random search: train models with settings drawn at random, side by side, and see which are best.

    Trial i draws its settings by a generator of (seed, i). Each thread trains one model at a time; models are made when
    their turn comes, and freed when they are over. Without ``halving``, or with a synchronous one, results have the
    same bits for any number of threads; for an asynchronous one see :class:`lamella.Halving`.

    Parameters
    ----------
    factory : callable
        Makes a model of the settings that it takes by keyword: ``def network(width, depth=2): ...``.
    space : mapping, or list of mappings
        Names with distributions of ``lamella.space``; a list of values to choose from; a tuple with distributions in it
        (``"betas": (0.9, 1 - space.LogUniform(1e-4, 0.1))``); or a value that all trials share. A name goes to the
        factory if that takes it, else to who does of optimizer, loss, schedule and fit (``batch_size``, ``patience``,
        ``min_delta``, ``mixup``, ``accumulate``). "dropout" is the rate of all Dropout layers, if the factory does not
        take it; "GaussianNoise.std" or "2.p" a setting of layers, by class or place. Where several take a name, say
        who is meant: "model.alpha", "optimizer.alpha", "loss.alpha", "schedule.gamma", "fit.mixup". A list of mappings
        is settings to try as they are: a grid, or what another program asks for.
    x : array-like, (n, features)
    y : array-like
    n : int
        Trials; by default as many as there are in a list.
    budget : int, optional
        Epochs of all models together (those of a trial's folds, too). Without ``epochs``: decides those.
    loss : Loss, or class or function that makes one
    optimizer : class or function
        Called with each model's parameters and its settings.
    epochs : int, optional
        Of a model, at most. By default the most that the budget pays for.
    validation_data : (x, y) or (x, y, sample_weight), optional
        What models are measured on.
    cv : int, sequence of (train, test) rows, or splitter of scikit-learn, default 5 without ``validation_data``
        Cross-validation: a model a fold, and a trial's score is their mean. Rows are dealt to folds by ``seed``, those
        of each class alike.
    sample_weight : array-like, (n,), optional
    schedule : class or function, optional
        Called with each model's optimizer and its settings.
    monitor : str, default "val_loss"
        What a score is: an entry of the history, at the last epoch, or with ``patience`` at the best. Accuracies are
        to rise, everything else is to fall.
    halving : Halving, optional
        Successive halving: drop the worst early.
    rounds : int, default 1
        From coarse to fine: the trials are dealt to so many rounds, and each after the first draws from the range that
        the best quarter of all trials so far spans.
    seed : int, default 0
        Of draws and folds; a trial's models have the seed ``seed`` + its number, unless the factory gives them one.
    keep : int, default 1
        Finished trials whose models are kept, the best.
    refit : bool, default False
        Train a model with the best settings on all rows, validation data too, for as many epochs as the best trial's
        were (with ``patience``: as its folds' best epochs on average).
    seconds : float, optional
        No trial begins, or goes on to its next rung, after so long; what is being trained then is trained to its end,
        and a refit comes on top.
    on_trial : callable, optional
        Called with each :class:`Trial` that is over, by one of the threads, one call at a time; True ends the search.
    **options
        What all trials share of the arguments of :meth:`Trainer.fit`, and ``accumulate``: ``batch_size``,
        ``patience``, ``mixup``, ``sampling``, ``unit``, ``on_divergence`` and so on.

    Returns
    -------
    SearchResult
        ``best_settings``, ``best_score``, ``table``, ``to_pandas()``, ``model``, ``plot()``, ``plot_parallel()`` and
        ``trials``.

    Raises
    ------
    ValueError
        If nobody takes a name of the space, or several do; if no model can be made of the ends of the ranges; if the
        budget is too small, or anything else does not fit. Nothing is trained then.
    DivergenceError
        If none but trials that diverged or failed were begun. Of some: they are ranked last, with a warning.
    SearchInterrupted
        By Ctrl-C: a KeyboardInterrupt with ``found``, the result so far.

    Examples
    --------
    >>> def network(width, activation):
    ...     return nn.Sequential(nn.Linear(64, width), activation(), nn.Dropout(), nn.Linear(width, 10))
    >>> settings = {
    ...     "width": space.Integer(16, 256, log=True), "activation": [nn.ReLU, nn.GELU],
    ...     "lr": space.LogUniform(1e-4, 0.1), "dropout": space.Uniform(0, 0.5), "batch_size": [16, 32, 64],
    ... }
    >>> found = lm.search(
    ...     network, settings, x, y, n=100, budget=5000, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam,
    ...     halving=lm.Halving(),
    ... )
    >>> found.best_settings
    """
    source = Given(space, _WHERE) if isinstance(space, (list, tuple)) else Space(space, _WHERE)
    sizes = round_sizes(n, rounds, source, _WHERE)
    seed = _check.integer(_WHERE, "seed", seed, 0, below=2**62)
    refit = _check.flag(_WHERE, "refit", refit)
    limits = _limits(keep, seconds, on_trial)
    plan = Plan(
        factory,
        x,
        y,
        loss=loss,
        optimizer=optimizer,
        schedule=schedule,
        validation_data=validation_data,
        cv=cv,
        sample_weight=sample_weight,
        monitor=monitor,
        seed=seed,
        options=options,
        where=_WHERE,
    )
    probes = source.ends()
    for settings in probes:
        _check_names(settings, plan)
    folds = _tried(probes[0], lambda: plan.split(probes[0], seed))
    epochs = epochs_of_a_trial(epochs, budget, sizes, folds, halving, _WHERE)
    for settings in probes:
        _tried(settings, partial(plan.training, settings, seed, 0, epochs))
        if refit:
            _tried(settings, partial(plan.final_training, settings, seed, epochs))

    found = SearchResult([], monitor, source.columns)
    left = math.inf if budget is None else budget / folds
    try:
        for place, size in enumerate(sizes):
            best = _best_quarter(found)
            present = source.narrowed(best) if len(best) > 1 else source
            before = list(found.trials)
            trials = [Trial(i, present.draw(seed, i), seed + i) for i in range(len(before), len(before) + size)]
            found.trials += trials
            levels, share = rungs(epochs, size, halving), left * size / sum(sizes[place:])
            ladder = Ladder(size, levels, halving, share)
            Round(trials, before, plan, ladder, levels, folds, limits).run()
            left -= share - ladder.left if budget is not None else 0
        _report(found)
        if refit and not found.ranking[0].out:
            _refit(found, plan)
    except KeyboardInterrupt:
        raise SearchInterrupted(found) from None
    return found


def _limits(keep: Any, seconds: Any, on_trial: Any) -> Limits:
    limits = Limits(_check.integer(_WHERE, "keep", keep, 0), on_trial=on_trial)
    if seconds is not None:
        limits.deadline = time.monotonic() + _check.positive(_WHERE, "seconds", seconds)
    if on_trial is not None and not callable(on_trial):
        raise TypeError(f"[{_WHERE}] on_trial is {on_trial!r:.80} but must be a function of a trial")
    return limits


def _check_names(settings: Settings, plan: Plan) -> None:
    for name in settings:
        if name == "epochs":
            raise ValueError(f"[{_WHERE}] space has 'epochs', which are the search's own: epochs=, or halving=")
        if name in COLUMNS:
            raise ValueError(f"[{_WHERE}] space has {name!r}, a column of the table: say 'model.{name}'")
    plan.routing.check(settings)


def _tried(settings: Settings, make: Callable[[], Any]) -> Any:
    """What it makes; errors of models say with which settings."""
    try:
        return make()
    except (TypeError, ValueError, RuntimeError) as error:
        text = str(error).removeprefix(f"[{_WHERE}] model 0: ")
        if text.startswith(f"[{_WHERE}"):  # of the data, or an argument
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"[{_WHERE}] with {settings}: {text}") from error


def _best_quarter(found: SearchResult) -> list[Settings]:
    alive = [trial for trial in found.ranking if not trial.out]
    return [trial.settings for trial in alive[: max(2, math.ceil(len(found) / 4))]]


def _report(found: SearchResult) -> None:
    lost = [trial for trial in found.trials if trial.state in ("diverged", "failed")]
    if not lost:
        return
    text = f"trial {lost[0].number} with {lost[0].settings} {lost[0].state}: {lost[0].reason}"
    if found.ranking[0].out:
        raise DivergenceError(f"[{_WHERE}] all {len(lost)} trials diverged or failed; {text}")
    warnings.warn(
        f"[{_WHERE}] {len(lost)} of {len(found)} trials diverged or failed and are ranked last; {text}", stacklevel=3
    )


def _refit(found: SearchResult, plan: Plan) -> None:
    """The best trial's model on all rows."""
    best = found.best_trial
    lengths = [h.epochs if h.best_epoch is None else h.best_epoch + 1 for h in best.histories]
    try:
        training = plan.final_training(best.settings, best.seed, max(1, round(sum(lengths) / len(lengths))))
        found.refit_history = training.run()
        found.refitted = training.trainer.model
    except (TypeError, ValueError, RuntimeError, DivergenceError) as error:  # what was found is not to be lost
        warnings.warn(f"[{_WHERE}] the best settings could not be trained on all rows: {error}", stacklevel=3)
