"""Whether two folders of a training run hold the same result, to the last bit."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from scripts.reliability.moments import temporaries

CLOCKED = ("time", "seconds", "samples_per_s", "data_wait", "remaining_s")
"""Keys of a journal's line that the clock decides about."""
CLOCKED_COLUMNS = ("seconds", "images_per_s", "val_seconds")
"""Likewise of the table of epochs."""
FACTS = (
    *("epoch", "batch", "step", "num_updates", "best_score", "best_epoch"),
    *("network", "amp", "average"),
)
"""Of a checkpoint; the others are the options, which name folders, clocks and generators."""
COMPARED = ("interval", "epoch", "validation")


def read_events(journal: Path) -> list[dict[str, Any]]:
    """Lines of a journal's last run; a line that a kill has torn is left out."""
    events: list[dict[str, Any]] = []
    if not journal.exists():
        return events
    for line in journal.read_text("utf-8", errors="replace").splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    starts = [index for index, event in enumerate(events) if event["event"] == "start"]
    return events[starts[-1] :] if starts else events


def course(journal: Path) -> list[dict[str, Any]]:
    """What a journal says of the training itself."""
    return [
        {key: value for key, value in event.items() if key not in CLOCKED}
        for event in read_events(journal)
        if event["event"] in COMPARED
    ]


def table(results: Path) -> list[dict[str, str]]:
    """The rows of a run's table without what the clock decides."""
    with open(results, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: row[key] for key in row if key not in CLOCKED_COLUMNS} for row in rows]


def arrays_of(checkpoint: Path) -> dict[str, np.ndarray]:
    """Weights, batch statistics, averages and momentum of a checkpoint.

    Not the state of NumPy's global generator: no number of a training comes from it.
    """
    with np.load(checkpoint, allow_pickle=False) as file:
        return {key: file[key] for key in file.files if key not in ("facts", "random/numpy")}


def facts_of(checkpoint: Path) -> dict[str, Any]:
    """Position, best score and the like of a checkpoint."""
    with np.load(checkpoint, allow_pickle=False) as file:
        facts = json.loads(file["facts"].tobytes())
    return {key: facts[key] for key in FACTS}


def differences(folder: Path, reference: Path) -> list[str]:
    """What differs between two folders that each hold all files of one run; empty for equal bits.

    Weights, their records and the log of the best epochs are compared as bytes, checkpoints array
    by array, journals and tables without what the clock decides. Logs, pictures and the record of
    the run only have to be there.
    """
    names, expected = (
        sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
        for place in (folder, reference)
    )
    found = [] if names == expected else [f"files: {sorted({*names} ^ {*expected})}"]
    found += [f"left over: {name}" for name in sorted(temporaries(folder) - temporaries(reference))]
    for name in sorted({*names} & {*expected}):
        ours, theirs = folder / name, reference / name
        if name.endswith("_checkpoint.npz"):
            found += _checkpoint_differences(ours, theirs)
        elif name.endswith("_results.csv"):
            found += [] if table(ours) == table(theirs) else [f"{name}: other rows"]
        elif name.endswith("_run.json"):
            continue  # when, where and how the run went on
        elif name.endswith("_journal.jsonl"):
            found += [] if course(ours) == course(theirs) else [f"{name}: another course"]
        elif name.endswith((".params", ".json", "_best_map.log")):
            found += [] if ours.read_bytes() == theirs.read_bytes() else [f"{name}: other bytes"]
    return found


def _checkpoint_differences(ours: Path, theirs: Path) -> list[str]:
    found, expected = arrays_of(ours), arrays_of(theirs)
    if found.keys() != expected.keys():
        return [f"checkpoint: other arrays {sorted(found.keys() ^ expected.keys())}"]
    other = [key for key in expected if not is_same(found[key], expected[key])]
    other += [] if facts_of(ours) == facts_of(theirs) else ["facts"]
    return [f"checkpoint: {key} differs" for key in other]


def is_same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether type, shape and every bit are equal, those of NaN and of -0 too."""
    return (found.dtype, found.shape, found.tobytes()) == (
        expected.dtype,
        expected.shape,
        expected.tobytes(),
    )
