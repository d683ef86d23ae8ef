"""Run a module of the tests in two real processes, and read what each left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = Path(sys.executable).parent / "horovodrun"


def run_two(module: str, folder: Path, timeout_s: int) -> None:
    """Start `module FOLDER` with horovodrun; fails with what the processes said."""
    command = [str(LAUNCHER), "-np", "2", "--gloo", sys.executable, "-m", module, str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


def arrays_of_ranks(folder: Path) -> list[dict[str, np.ndarray]]:
    """The arrays of rank<N>.npz, rank 0 first."""
    found = []
    for rank in (0, 1):
        with np.load(folder / f"rank{rank}.npz") as file:
            found.append(dict(file))
    return found
