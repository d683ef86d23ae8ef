"""What one request, and all of them together, may cost a service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServeLimits:
    """More is refused, with a reason.

    Memory for pictures stays below `max_requests` times `max_bytes`, and for each batch that is
    computed one picture of `max_pixels`: they are decoded one after the other.

    Attributes:
        max_requests: at a time, from their first byte to their answer.
        max_bytes: of the body of one.
        max_pixels: of its picture, told by the header, before it is decoded.
        body_s: seconds in which the body must have come.
        wait_s: seconds that it may wait for its batch.
        drain_s: seconds that a service which is told to end takes for what it has accepted.
        refuses_damaged: whether a JPEG that libjpeg warns of is refused.
    """

    max_requests: int = 64
    max_bytes: int = 20 << 20
    max_pixels: int = 50_000_000
    body_s: float = 30.0
    wait_s: float = 10.0
    drain_s: float = 30.0
    refuses_damaged: bool = False
