"""What it costs to have lamella: time to import it beyond NumPy, and size of what is installed; beside its peers.

python bench/footprint.py
"""

import importlib.metadata
import importlib.util
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

import lamella
from lamella.bench.report import machine, table
from script import command, finish, make_parser

#: Module to distribution.
PACKAGES = {"lamella": "lamella", "sklearn": "scikit-learn", "jax": "jax", "torch": "torch"}
_TIMED = "import time, numpy; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"


def import_seconds(module: str) -> float:
    """In a fresh process that has imported NumPy."""
    done = subprocess.run([sys.executable, "-c", _TIMED.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def own_bytes(name: str) -> int:
    """Of a distribution's files; of lamella's folder if it is not installed as a wheel."""
    try:
        files = [Path(str(file.locate())) for file in importlib.metadata.files(name) or []]
    except importlib.metadata.PackageNotFoundError:
        files = []
    if name == "lamella" and not any(file.name.startswith("_core") for file in files):
        files = [file for file in Path(lamella.__file__).parent.rglob("*") if "__pycache__" not in file.parts]
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


def with_requirements(name: str) -> set[str]:
    """The distribution and all that it requires here, without extras."""
    found, open_ends = set(), [name]
    while open_ends:
        current = open_ends.pop().lower().replace("_", "-")
        if current not in found:
            found.add(current)
            open_ends += [
                requirement.name
                for requirement in map(Requirement, _requires(current))
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            ]
    return found


def _requires(name: str) -> list[str]:
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return ["numpy", "safetensors"] if name == "lamella" else []  # its own, in a folder that is not installed


def main() -> None:
    parser = make_parser(__doc__, rounds=11, threads=False)
    parser.add_argument("--modules", default=",".join(PACKAGES), help="as far as they are installed")
    arguments = parser.parse_args()
    here = [module for module in arguments.modules.split(",") if importlib.util.find_spec(module)]
    times: dict[str, list[float]] = {module: [] for module in here}
    for turn in range(arguments.rounds + 1):
        for module in here:
            seconds = import_seconds(module)
            if turn > 0:  # the first fills the caches of the disk
                times[module].append(seconds)
    rows = []
    for module in here:
        name = PACKAGES[module]
        needed = with_requirements(name)
        sizes = [own_bytes(name), sum(map(own_bytes, needed))]
        median, least, most = (1e3 * of(times[module]) for of in (statistics.median, min, max))
        version = lamella.__version__ if module == "lamella" else importlib.metadata.version(name)
        spread = f"{median:.0f} ({least:.0f}-{most:.0f})"
        rows.append([f"{name} {version}", spread, *[f"{size / 2**20:.1f}" for size in sizes], str(len(needed))])
    text = f"""# Import and size

Machine: {machine()}; Python {platform.python_version()}.
Command: `{command(arguments)}`.

Import: milliseconds beyond NumPy's in fresh processes, in turns, median (least-most). Size: files of the package, and
of all that it requires (NumPy included), as they are installed here.

{table(["package", "import ms", "own MiB", "with requirements MiB", "packages"], rows)}
"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
