"""What a service takes and gives: types of content, forms of answers, and reasons to refuse.

The names are those by which SageMaker's hosting, and callers of its endpoints, know a container.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pydantic_core

from gluon_ssd.errors import one_line
from gluon_ssd.inference.endpoint_json import endpoint_json
from gluon_ssd.inference.found import Found

JSON, JSON_LINES = "application/json", "application/jsonlines"
OWN = "application/vnd.gluon-ssd+json"

IMAGE_TYPES = frozenset(
    {
        "image/jpeg",
        "image/jpg",
        "image/png",
        "application/x-image",
        "application/octet-stream",
    }
)
"""Of bodies. Whatever a type says, the first bytes of the body decide what it is."""

_MAGIC = (b"\xff\xd8", b"\x89PNG\r\n\x1a\n")


class Refused(Exception):
    """A request that is not answered with what was found.

    Attributes:
        status: of HTTP.
        reason: one line for the caller.
        retry_s: seconds after which to try again; None where that would change nothing.
    """

    def __init__(self, status: int, reason: str, *, retry_s: int | None = None) -> None:
        super().__init__(status, reason)
        self.status, self.reason, self.retry_s = status, one_line(reason), retry_s

    @property
    def body(self) -> bytes:
        """The answer, JSON."""
        return json.dumps({"error": {"code": self.status, "reason": self.reason}}).encode()

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer, besides those of every answer."""
        return {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}


def _rows(found: Found) -> bytes:
    # What FastAPI writes answers with takes a ninth of the time of `json` for rows of numbers.
    return pydantic_core.to_json(endpoint_json(found))


FORMS: dict[str, Callable[[Found], bytes]] = {
    JSON: _rows,
    JSON_LINES: lambda found: _rows(found) + b"\n",
    OWN: lambda found: json.dumps(found.to_dict()).encode(),
}
"""Type of an answer -> what was found, in that form; the first one is preferred."""


def form_for(accept: str | None) -> str:
    """The one of FORMS that a caller likes best.

    Args:
        accept: the header; None and an empty one take anything.

    Raises:
        Refused: 406, the caller takes none of them.
    """
    ranges = _ranges(accept or "*/*")
    best = max(FORMS, key=lambda form: _quality(form, ranges))
    if _quality(best, ranges) <= 0:
        raise Refused(406, f"the answer can be {', '.join(FORMS)}; Accept allows none of them")
    return best


def _ranges(accept: str) -> dict[str, float]:
    """Media range -> its weight."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        try:
            found[name] = float(weight)
        except ValueError:
            found[name] = 1.0
    return found


def _quality(form: str, ranges: Mapping[str, float]) -> float:
    """Weight of the most exact range that a type lies in."""
    for name in (form, f"{form.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0


def check_content_type(content_type: str | None) -> None:
    """Raise Refused, 415, for a body that says it is no image; one that says nothing is tried."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind and kind not in IMAGE_TYPES:
        raise Refused(
            415,
            f"the content type is {kind[:100]!r}; send a JPEG or PNG as one of "
            f"{', '.join(sorted(IMAGE_TYPES))}",
        )


def check_magic(body: bytes) -> None:
    """Raise Refused, 400, for a body that is neither JPEG nor PNG; no decoder has seen it yet."""
    if not body:
        raise Refused(400, "the body is empty; send a JPEG or PNG")
    if not body.startswith(_MAGIC):
        raise Refused(400, "the body is no image: it begins neither as a JPEG nor as a PNG")
