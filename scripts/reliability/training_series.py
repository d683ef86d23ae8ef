"""A series of trainings that are killed and resumed, two beside one another."""

from __future__ import annotations

import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from gluon_ssd.system.progress import progress_bar
from scripts.reliability.pace import pace_of
from scripts.reliability.state import State
from scripts.reliability.tally import summary
from scripts.reliability.training_chain import Chain, TrainingChain
from scripts.reliability.training_commands import RANKS, Run, draw_shapes, run_to_end

KILLS_PER_CHAIN = 25
EPOCHS = 30
ENOUGH_LOST = 3
"""Trainings that were lost; more would not tell more."""


def run_series(what: str, kills: int, folder: Path, state: State, beside: int) -> dict[str, Any]:
    """Kill `kills` times in all; the sums, as `tally.summary` has them.

    Args:
        what: "training", "writing" or "ranks".
        kills: wanted; of "writing" only those that met a half-written file count.
        folder: for the data and the runs.
        state: keeps the record of each training.
        beside: trainings at a time.
    """
    data = draw_shapes(folder)
    ranks = RANKS if what == "ranks" else 1
    reference = Run(folder / f"{what}-reference", data, EPOCHS, ranks=ranks)
    if "reference" not in state.records:
        started_s = time.time()
        reference.folder.mkdir(parents=True, exist_ok=True)
        run_to_end(
            reference.command(), reference.output, reference.environment(folder / "reference-tmp")
        )
        state.put("reference", {"started_s": started_s})
    pace = pace_of(reference.journal, state.records["reference"]["started_s"])
    seed = state.content["seed"]

    def one(number: int, wanted: int) -> None:
        run = replace(reference, folder=folder / f"{what}-{number}", num_workers=number % 2)
        chain = TrainingChain(
            what,
            run,
            reference=reference.folder,
            pace=pace,
            rng=random.Random(f"{seed} {what} {number}"),
        )
        record = chain.go(Chain(number), wanted, bar.update).record()
        state.put(f"chain {number}", record)

    def chains() -> list[dict[str, Any]]:
        return [record for key, record in state.records.items() if key.startswith("chain ")]

    with (
        progress_bar(total=kills, unit="kills", description=what, every_s=20) as bar,
        ThreadPoolExecutor(beside) as pool,
    ):
        bar.update(summary(chains())["kills"])
        # A run may come to its end before it was killed often enough; others follow it then.
        while missing := max(kills - summary(chains())["kills"], 0):
            if summary(chains())["lost"] >= ENOUGH_LOST:
                break
            free = (n for n in itertools.count() if f"chain {n}" not in state.records)
            parts = split(missing, min(KILLS_PER_CHAIN, -(-missing // beside)))
            list(pool.map(one, itertools.islice(free, len(parts)), parts))
    return summary(chains())


def split(kills: int, most: int) -> list[int]:
    """Parts of at most `most` that add up to `kills`, the last one perhaps smaller."""
    return [min(most, kills - done) for done in range(0, kills, most)]
