"""Whether the files of a model belong together: all of the older one, or all of the new one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

MISSING = ""


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each file; "" for one that is not there."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if (folder / name).is_file()
        else MISSING
        for name in names
    }


def judge(
    found: Mapping[str, str], old: Mapping[str, str], new: Mapping[str, str], is_same: bool
) -> str:
    """ "old", "new" or "mixed", by the digests of the files; "other" for what neither holds.

    Where the same command does not always write the same bytes, not `is_same`, whatever is not of
    the old model counts as new.
    """
    kinds = set()
    for name, digest in found.items():
        if digest == old[name]:
            kinds.add("both" if digest == new[name] else "old")
        elif digest == MISSING:
            kinds.add("missing")
        else:
            kinds.add("new" if digest == new[name] or not is_same else "other")
    kinds.discard("both")
    if "other" in kinds:
        return "other"
    return kinds.pop() if kinds in ({"old"}, {"new"}) else "mixed"
