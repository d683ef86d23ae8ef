"""The table of a series of kills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def summary(chains: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums over all trainings of a series, as TrainingChain records them.

    Attributes of the result: kills, of them those while a file was half-written, trainings,
    resumptions, kills before the first checkpoint, trainings that were lost, and those that ended
    with other bits, processes that outlived their parent, and the number of kills by phase, victim
    and kind of half-written file.
    """
    kills = [kill for chain in chains for kill in chain["kills"]]
    return {
        "kills": sum(kill["counts"] for kill in kills),
        "all kills": len(kills),
        "while writing": sum(bool(kill["half_written"]) for kill in kills),
        "trainings": len(chains),
        "resumed": sum(chain["resumed"] for chain in chains),
        "begun anew": sum(chain["begun_anew"] for chain in chains),
        "lost": sum(bool(chain["lost"]) for chain in chains),
        "not bit-equal": sum(bool(chain["different"]) for chain in chains),
        "outlived": sum(chain["outlived"] for chain in chains),
        "phases": dict(Counter(kill["phase"] for kill in kills)),
        "victims": dict(Counter(kill["victim"] for kill in kills)),
        "files": dict(Counter(kind_of(name) for kill in kills for name in kill["half_written"])),
    }


def kind_of(name: str) -> str:
    """Which file of a training a hidden name was to become."""
    for kind in ("checkpoint", "best_map", "journal", "curves"):
        if f"_{kind}." in name:
            return kind
    return "record" if name.endswith(".json") else "weights" if ".params" in name else "other"


BAD = ("lost", "not bit-equal", "outlived", "torn", "left", "tracebacks")


def is_good(total: Mapping[str, Any]) -> bool:
    """Whether nothing was lost, changed or left running."""
    return not any(
        total.get(key)
        for key in ("lost", "not bit-equal", "outlived", "torn", "left", "tracebacks")
    )


def table(what: str, total: Mapping[str, Any]) -> str:
    """The sums as lines for people."""
    lines = [f"series {what}"]
    for key, value in total.items():
        text = ", ".join(f"{k} {n}" for k, n in value.items()) if isinstance(value, dict) else value
        lines.append(f"  {key:<16} {text}")
    return "\n".join(lines)
