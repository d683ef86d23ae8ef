"""The table of a run, and the files of its finds."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from scripts.fuzzing.case import OUTCOMES, Ended, Summary

_HEADS = {
    "right": "right answers",
    "refused": "refusals",
    "traceback": "tracebacks",
    "signal": "signals",
    "memory": "over 1 GiB",
    "time": "over 10 s",
    "wrong": "wrong answers",
}


def table(summaries: Sequence[Summary]) -> str:
    """The counts of every kind as a markdown table, with a last line for all."""
    heads = ["kind", "cases", *(_HEADS[name] for name in OUTCOMES), "longest s", "most MiB"]
    total = Summary("all")
    for each in summaries:
        for name, count in each.counts.items():
            total.counts[name] += count
        total.longest_s = max(total.longest_s, each.longest_s)
        total.most_mib = max(total.most_mib, each.most_mib)
    rows = [
        [
            each.kind,
            each.cases,
            *each.counts.values(),
            f"{each.longest_s:.2f}",
            f"{each.most_mib:.0f}",
        ]
        for each in (*summaries, total)
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def described(ended: Ended) -> str:
    """A find as text of a few lines."""
    lines = "\n".join(f"    {line}" for line in ended.detail.splitlines())
    return f"{ended.kind} {ended.number}: {ended.outcome} ({ended.story})\n{lines}"


def groups(finds: Sequence[Ended]) -> str:
    """Finds that end alike on one line, the most frequent first, with the number of one of them."""
    alike: dict[tuple[str, str, str], list[Ended]] = {}
    for ended in finds:
        key = ended.kind, ended.outcome, _gist(ended)
        alike.setdefault(key, []).append(ended)
    ordered = sorted(alike.items(), key=lambda pair: (pair[0][0], -len(pair[1])))
    return "\n".join(
        f"{kind}: {len(same)} x {outcome}, such as case {same[0].number}: {gist}"
        for (kind, outcome, gist), same in ordered
    )


def _gist(ended: Ended) -> str:
    """What a find has in common with others: the place and the kind of error."""
    lines = ended.detail.splitlines()
    if ended.outcome == "traceback" and len(lines) > 1:
        places = [line.strip() for line in lines if line.lstrip().startswith("File ")]
        place = re.sub(r'.*/(\w+\.py)", line (\d+), in (\S+)', r"\1:\2 \3", (places or [""])[-1])
        return f"{place}: {re.sub(r'[0-9]+', 'N', lines[-1])[:80]}"
    if ended.outcome == "wrong":
        return f"{ended.story.partition(':')[0][:40]}: {lines[0][:60] if lines else ''}"
    return lines[0] if lines else ""


def as_json(summaries: Sequence[Summary], finds: Sequence[Ended], facts: dict[str, Any]) -> str:
    """The same as JSON, with every find."""
    content = {
        **facts,
        "kinds": [{"cases": s.cases, "faults": s.faults, **vars(s)} for s in summaries],
        "finds": [vars(ended) for ended in finds],
    }
    return json.dumps(content, indent=1)
