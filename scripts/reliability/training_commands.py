"""The cheapest real training: the tiny network on a few drawn shapes, a checkpoint after each step.

One OpenMP thread computes, since the number of threads decides about last bits.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.reliability.children import LONGEST_S, ROOT, last_words, python, start

NETWORK = "ssd_160_tiny_custom"
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}
RANKS = 2


class SetUpError(Exception):
    """What the kills need could not be made; the message is one line."""


@dataclass(frozen=True)
class Run:
    """One training and its files.

    Attributes:
        folder: of all outputs.
        data: folder with the data set "shapes".
        epochs: to train.
        num_workers: data workers.
        ranks: processes, started by horovodrun where there are several.
    """

    folder: Path
    data: Path
    epochs: int
    num_workers: int = 0
    ranks: int = 1

    @property
    def prefix(self) -> str:
        """Start of every file's name."""
        return f"{self.folder}/{NETWORK}"

    @property
    def checkpoint(self) -> Path:
        """The file to go on from."""
        return Path(f"{self.prefix}_checkpoint.npz")

    @property
    def journal(self) -> Path:
        """The file that tells the course of the run."""
        return Path(f"{self.prefix}_journal.jsonl")

    @property
    def output(self) -> Path:
        """What the commands have said; beside the folder, which holds the run's files alone."""
        return self.folder.with_name(f"{self.folder.name}.txt")

    def command(self) -> list[str]:
        """The command that starts the run, or goes on with it where it has a checkpoint."""
        options: list[object] = ["--network", "tiny", "--data-shape", 160, "--gpus", ""]
        options += ["--dataset", "shapes", "--dataset-root", self.data, "-j", self.num_workers]
        options += ["--batch-size", 2 * self.ranks, "--pretrained-base", "false"]
        options += ["--epochs", self.epochs, "--save-interval", 15, "--log-interval", 1]
        options += ["--checkpoint-minutes", 1e-6, "--save-prefix", f"{self.folder}/"]
        options += ["--average-weights", 0.9]
        if self.checkpoint.exists():
            options += ["--resume", self.checkpoint]
        if self.ranks == 1:
            return python("train_ssd.py", *options)
        launcher = ROOT / "scripts/launch/one_node.sh"
        return ["bash", str(launcher), str(self.ranks), *map(str, options)]

    def environment(self, temporary: Path) -> dict[str, str]:
        """Variables of the process; `temporary` is made, for its TMPDIR."""
        temporary.mkdir(parents=True, exist_ok=True)
        return {**ENVIRONMENT, "TMPDIR": str(temporary)}


def draw_shapes(folder: Path) -> Path:
    """The data set in `folder`, drawn where it is not there yet; the root to give."""
    data = folder / "data"
    if not (data / "shapes").exists():
        sizes = ("--num-train", 8, "--num-val", 4, "--image-size", 120)
        run_to_end(
            python("scripts/prepare_shapes.py", "--output", data / "shapes", *sizes),
            folder / "data.txt",
            {},
        )
    return data


def run_to_end(command: list[str], output: Path, environment: dict[str, str]) -> None:
    """Run a command that must not fail. Raises SetUpError with its last words."""
    output.parent.mkdir(parents=True, exist_ok=True)
    process = start(command, output, environment)
    try:
        code = process.wait(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SetUpError(f"no end after {LONGEST_S:g} s: {' '.join(command)}") from None
    if code:
        raise SetUpError(f"ended with code {code}: {last_words(output)}")
