"""A series of exports, calibrations and searches that are killed over an older result."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gluon_ssd.system.progress import progress_bar
from scripts.reliability.children import ROOT
from scripts.reliability.output_kinds import KINDS, shares
from scripts.reliability.output_lane import Lane
from scripts.reliability.state import State
from scripts.reliability.training_commands import ENVIRONMENT, run_to_end


def run_series(what: str, kills: int, folder: Path, state: State, beside: int) -> dict[str, Any]:
    """Kill `kills` times in all; the sums.

    Args:
        what: name of the series.
        kills: wanted.
        folder: for models and results.
        state: keeps the record of each kill.
        beside: commands at a time.
    """
    models = folder / "models"
    if not (models / "data/classes.txt").exists():
        make = [sys.executable, "-m", "scripts.reliability.output_models", str(models)]
        run_to_end(make, folder / "models.txt", {**ENVIRONMENT, "PYTHONPATH": str(ROOT)})
    seed = state.content["seed"]

    def one(name: str, wanted: int) -> None:
        place = folder / name.replace(" ", "-")
        lane = Lane(name, KINDS[name], place, models, ENVIRONMENT)
        if f"usual {name}" not in state.records:
            state.put(f"usual {name}", lane.prepare())
        usual_s, done, number = state.records[f"usual {name}"], 0, 0
        # Some commands have come to their end before the moment came; those do not count.
        while done < wanted and number < 4 * wanted:
            key = f"{name} {number}"
            if key not in state.records:
                rng = random.Random(f"{seed} {what} {key}")
                state.put(key, lane.kill(rng, usual_s))
            counts = state.records[key]["counts"]
            done, number = done + counts, number + 1
            bar.update(int(counts))
        state.put(f"end {name}", lane.end())

    wanted = {name: count for name, count in shares(kills).items() if count}
    with (
        progress_bar(total=kills, unit="kills", description=what, every_s=20) as bar,
        ThreadPoolExecutor(beside) as pool,
    ):
        list(pool.map(one, wanted, wanted.values()))
    records = [record for record in state.records.values() if isinstance(record, dict)]
    return output_summary(records)


def output_summary(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums over the records of kills and of the commands that came to their end afterwards.

    "torn" are files of two models that are loaded all the same, or bytes of neither, after a kill;
    "left" counts what remains of killed commands after one that came to its end.
    """
    killed = [record for record in records if record.get("counts")]
    ends = [record for record in records if "left" in record]
    states = Counter(record["state"] for record in killed)
    return {
        "kills": len(killed),
        "while writing": sum(bool(record["half_written"]) for record in killed),
        "wholly old": states["old"],
        "wholly new": states["new"],
        "mixed, refused": states["refused"],
        "torn": states["torn"] + states["other"] + sum(end["state"] != "new" for end in ends),
        "outlived": sum(record["outlived"] for record in killed),
        "tracebacks": sum(record["traceback"] for record in killed),
        "left": sum(len(end["left"]) for end in ends),
        "kinds": dict(Counter(record["kind"] for record in killed)),
        "victims": dict(Counter(record["victim"] for record in killed)),
    }
