"""The requests of a load test: pictures, and now and then one that is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

_TOLERANCE = 1e-4
"""Between answers: a picture may be computed in batches of different lengths."""


class Sent(NamedTuple):
    """One request.

    body, content_type: what is sent; code: of the answer that is right; image: number of the
    picture that was sent whole, None for a broken request.
    """

    body: bytes
    content_type: str
    code: int
    image: int | None


Break = Callable[[bytes, int], Sent]
"""(a picture, most bytes that the service takes) -> a broken request."""

BROKEN: dict[str, Break] = {
    "empty": lambda body, most: Sent(b"", "image/jpeg", 400, None),
    "no image": lambda body, most: Sent(b"this is no image", "image/jpeg", 400, None),
    "cut off": lambda body, most: Sent(body[: len(body) // 2], "image/jpeg", 400, None),
    "too large": lambda body, most: Sent(body.ljust(most + 1, b"\0"), "image/jpeg", 413, None),
    "of another type": lambda body, most: Sent(body, "text/csv", 415, None),
}
"""Kinds of broken requests."""


def request(number: int, images: Sequence[bytes], *, broken_every: int, most_bytes: int) -> Sent:
    """The request of a number; one in `broken_every` is broken, in turn of every kind.

    Args:
        number: from 0.
        images: contents of image files.
        broken_every: 0 for none.
        most_bytes: that the service takes.
    """
    image = number % len(images)
    if not broken_every or number % broken_every != broken_every - 1:
        return Sent(images[image], "application/x-image", 200, image)
    kinds = [*BROKEN.values()]
    return kinds[number // broken_every % len(kinds)](images[image], most_bytes)


def is_right(answer: Any, expected: Any) -> bool:
    """Whether an answer is the one expected: the same rows in the same order.

    Args:
        answer, expected: as of `inference.endpoint_json`; the answer may be anything.
    """
    if not isinstance(answer, dict) or answer.keys() != {"prediction"}:
        return False
    rows, wanted = answer["prediction"], expected["prediction"]
    if len(rows) != len(wanted):
        return False
    return not rows or bool(np.allclose(rows, wanted, rtol=0, atol=_TOLERANCE))
