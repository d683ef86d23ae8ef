"""What can be wrong with a data set: the reasons, what each costs, and one record per find."""

from __future__ import annotations

import ast
import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gluon_ssd.system.wording import one_line

_log = logging.getLogger(__name__)

UNKNOWN_CLASS, OTHER_CLASS = "unknown class", "other class"
NOT_OF_MODEL = "class that the model lacks"
"""Why labels of other classes are left out: a fault of the data, as asked, or by the model."""
SEE_ALL = "python scripts/check_dataset.py --list"
_LABELLED = re.compile(r"""object \d+: ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_LOGGED_LINES = 20  # per data set; the rest is counted, and the check script lists them all


@dataclass(frozen=True)
class Reason:
    """One kind of problem: does it touch a label or an image, is it an error, what is done."""

    about: Literal["label", "image"]
    is_bad: bool
    outcome: str


REASONS: dict[str, Reason] = {
    UNKNOWN_CLASS: Reason("label", True, "label dropped"),
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
    "polygon": Reason("label", False, "its box is taken"),
    OTHER_CLASS: Reason("label", False, "label left out, as asked"),
    NOT_OF_MODEL: Reason("label", False, "label left out"),
    "missing image": Reason("image", True, "image left out"),
    "unreadable image": Reason("image", True, "image left out"),
    "image size mismatch": Reason("image", True, "image left out"),
    "broken annotation": Reason("image", True, "training refuses to start"),
    "damaged image": Reason("image", True, "kept, unless bad images are skipped"),
    "dark 16-bit image": Reason("image", False, "kept"),
    "duplicate image": Reason("image", True, "kept once"),
    "EXIF orientation applied": Reason("image", False, "photo turned upright"),
    "EXIF orientation ignored": Reason("image", False, "photo taken as stored"),
    "hidden file": Reason("image", False, "left out, its name begins with a dot"),
    "number behind a name": Reason("image", False, "read as most files that are there say"),
    "picture without annotation": Reason("image", False, "left out"),
    "annotation without picture": Reason("image", False, "left out"),
    "listed again": Reason("image", False, "used as often as it is listed"),
    "same picture again": Reason("image", True, "kept"),
}
"""Only reasons with is_bad count towards the share at which training stops."""

LABELS_LOST = frozenset(
    name
    for name, reason in REASONS.items()
    if reason.about == "label" and reason.outcome.startswith("label")
)


AS_ASKED = frozenset(name for name, reason in REASONS.items() if "as asked" in reason.outcome)
"""What is left out by wish: counted, and not told one by one."""


class Problem(NamedTuple):
    """One find.

    Attributes:
        reason: a key of REASONS.
        file: the file at fault.
        detail: object and values.
        image: the image that it makes bad, where one is known; an image is bad once, whatever
            files of it are at fault.
    """

    reason: str
    file: str
    detail: str
    image: str = ""


def label_detail(number: int, name: str, place: str = "") -> str:
    """The detail of a problem of the object of a number, from 1, in its file."""
    return f"object {number}: {name!r}{place}"


def labelled_name(problem: Problem) -> str:
    """The class in a detail that `label_detail` made; all of another one."""
    found = _LABELLED.match(problem.detail)
    return str(ast.literal_eval(found[1])) if found else problem.detail


def log_lost_labels(problems: Iterable[Problem], name: str) -> None:
    """Warn of every label that does not reach the network, by file; the first 20 one by one.

    Those that are left out as asked are counted in one line a reason.
    """
    lost = [problem for problem in problems if problem.reason in LABELS_LOST]
    asked = Counter(problem.reason for problem in lost if problem.reason in AS_ASKED)
    for reason, count in asked.items():
        _log.info("%s: %s, %d labels left out as asked", name, reason, count)
    # Those are told by their names, where the model is known.
    lost = [p for p in lost if p.reason not in AS_ASKED and p.reason != NOT_OF_MODEL]
    for problem in lost[:_LOGGED_LINES]:
        outcome = REASONS[problem.reason].outcome
        file, detail = one_line(problem.file), one_line(problem.detail)
        _log.warning("%s: %s, %s (%s)", file, problem.reason, detail, outcome)
    if len(lost) > _LOGGED_LINES:
        _log.warning(
            "%s: %d more labels left out; %s names them all",
            name,
            len(lost) - _LOGGED_LINES,
            SEE_ALL,
        )
