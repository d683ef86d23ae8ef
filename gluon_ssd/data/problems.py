"""What can be wrong with a data set: the reasons, what each costs, and one record per find."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

_log = logging.getLogger(__name__)

SEE_ALL = "python scripts/check_dataset.py --list"
_LOGGED_LINES = 20  # per data set; the rest is counted, and the check script lists them all


@dataclass(frozen=True)
class Reason:
    """One kind of problem: does it touch a label or an image, is it an error, what is done."""

    about: Literal["label", "image"]
    is_bad: bool
    outcome: str


REASONS: dict[str, Reason] = {
    "unknown class": Reason("label", True, "label dropped"),
    "degenerate box": Reason("label", True, "label dropped"),
    "box beyond the image": Reason("label", True, "label dropped"),
    "broken row": Reason("label", True, "label dropped"),
    "box partly outside the image": Reason("label", True, "box clipped"),
    "duplicate box": Reason("label", True, "kept"),
    "label of an unlisted image": Reason("label", True, "label dropped"),
    "box over the edge by a pixel": Reason("label", False, "box clipped"),
    "letter case": Reason("label", False, "class matched"),
    "marked as ignore": Reason("label", False, "label left out"),
    "crowd": Reason("label", False, "label left out, as asked"),
    "missing image": Reason("image", True, "image left out"),
    "unreadable image": Reason("image", True, "image left out"),
    "image size mismatch": Reason("image", True, "image left out"),
    "broken annotation": Reason("image", True, "training refuses to start"),
    "duplicate image": Reason("image", True, "kept once"),
    "hidden file": Reason("image", False, "left out, its name begins with a dot"),
    "number behind a name": Reason("image", False, "read as most files that are there say"),
    "same picture again": Reason("image", True, "kept"),
}
"""Only reasons with is_bad count towards the share at which training stops."""

LABELS_LOST = frozenset(
    name
    for name, reason in REASONS.items()
    if reason.about == "label" and reason.outcome.startswith("label")
)


class Problem(NamedTuple):
    """One find. reason: a key of REASONS; file: the file at fault; detail: object and values."""

    reason: str
    file: str
    detail: str


def log_lost_labels(problems: Iterable[Problem], name: str) -> None:
    """Warn of every label that does not reach the network, by file; the first 20 one by one."""
    lost = [problem for problem in problems if problem.reason in LABELS_LOST]
    for problem in lost[:_LOGGED_LINES]:
        outcome = REASONS[problem.reason].outcome
        _log.warning("%s: %s, %s (%s)", problem.file, problem.reason, problem.detail, outcome)
    if len(lost) > _LOGGED_LINES:
        _log.warning(
            "%s: %d more labels left out; %s names them all",
            name,
            len(lost) - _LOGGED_LINES,
            SEE_ALL,
        )
