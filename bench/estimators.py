"""How good estimators are and how long they take, beside scikit-learn's of the same name.

python bench/estimators.py --output bench/results/estimators.md
"""

import itertools
import sys
import time
import warnings

from beside_sklearn import DATA, SYSTEMS, TASKS, Data, make
from beside_sklearn.report import Row, report
from lamella.bench.systems import lamella_step
from lamella.bench.turns import Measured, measure
from lamella.bench.worker import Block, answer
from script import command, finish, make_parser


def work(system: str, data: Data, seeds: int, threads: int) -> None:
    """One library on one table: a block is a fit, one of each seed with one task, then with the next."""
    import sklearn
    from sklearn.exceptions import ConvergenceWarning

    import lamella as lm

    warnings.simplefilter("ignore", ConvergenceWarning)
    lm.set_num_threads(threads)
    turns = itertools.product(TASKS, range(seeds))

    def block() -> Block:
        (setting, solver), seed = next(turns)
        return learn(system, data, setting, solver, seed)

    for setting, solver in TASKS:
        learn(system, data.quick(), setting, solver, 0)  # imports, and threads
    version = lamella_step.describe() if system == "lamella" else f"scikit-learn {sklearn.__version__}"
    answer({"system": version}, block)


def learn(system: str, data: Data, setting: str, solver: str, seed: int) -> Block:
    """Fit, and score."""
    split = data.split(seed)
    dtype = "float32" if setting == "equal" else "float64"
    x, test_x = split.x.astype(dtype), split.test_x.astype(dtype)
    estimator = make(system, data, solver, setting, len(x), seed)
    begin = time.perf_counter()
    estimator.fit(x, split.y)
    seconds = time.perf_counter() - begin
    if setting == "equal" and estimator.n_iter_ != data.epochs:
        raise SystemExit(f"{system} stopped after {estimator.n_iter_} of {data.epochs} epochs on {data.name}")
    score = float(estimator.score(test_x, split.test_y))
    return {"seconds": seconds, "score": score, "epochs": estimator.n_iter_, "rows": len(x)}


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        _, _, system, name, size, seeds, threads = sys.argv
        work(system, DATA[name].quick() if size == "quick" else DATA[name], int(seeds), int(threads))
        return
    parser = make_parser(__doc__)
    parser.add_argument("--data", default=",".join(DATA))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few rows and epochs: to see that everything runs")
    arguments = parser.parse_args()
    size, seeds = "quick" if arguments.quick else "whole", arguments.seeds
    rows = []
    for name in arguments.data.split(","):
        commands = {system: [__file__, "work", system, name, size, str(seeds)] for system in SYSTEMS}
        found = measure(commands, arguments.threads, rounds=len(TASKS) * seeds)
        for place, (setting, solver) in enumerate(TASKS):
            own = [Measured(m.about, m.blocks[place * seeds : (place + 1) * seeds]) for m in found.values()]
            rows.append(Row(DATA[name], setting, solver, *own))
            print(" | ".join([setting, *rows[-1].score_cells(), *rows[-1].time_cells()[3:]]), flush=True)
    finish(report(rows, arguments.threads, command(arguments)), arguments)


if __name__ == "__main__":
    main()
