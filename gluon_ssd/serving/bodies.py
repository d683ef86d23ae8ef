"""Read the body of a request within its limits, or read past it."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from gluon_ssd.serving.contract import Refused
from gluon_ssd.serving.limits import ServeLimits

_MIB = 1 << 20
# Who is refused is read past this many times the limit, so that it gets the reason: an answer that
# comes before the end of a body is lost where the caller is still sending.
_READ_PAST = 4


async def read_body(request: Request, limits: ServeLimits) -> bytes:
    """The body, which is in memory once.

    Raises:
        Refused: 413, it is longer than allowed; 408, it did not come in time; 400, it ended early.
    """
    parts: list[bytes] = []
    size = await _read(request, limits, parts)
    if size > limits.max_bytes:
        raise Refused(
            413,
            f"the body has more than {limits.max_bytes / _MIB:g} MiB, which is the limit; "
            "send a smaller picture",
        )
    return b"".join(parts)


async def pass_over_body(request: Request, limits: ServeLimits) -> None:
    """Read past the body of a request that is refused, whatever becomes of it."""
    try:
        await _read(request, limits, None)
    except Refused:
        return  # it has a reason already


async def _read(request: Request, limits: ServeLimits, parts: list[bytes] | None) -> int:
    """Read into `parts`, no more than is allowed; how many bytes came, as far as was looked."""
    most = _READ_PAST * limits.max_bytes
    announced = _announced(request)
    waits_for_word = request.headers.get("expect", "").lower() == "100-continue"
    if announced > most or (waits_for_word and (parts is None or announced > limits.max_bytes)):
        return announced
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            async for part in request.stream():
                size += len(part)
                if parts is not None and size <= limits.max_bytes:
                    parts.append(part)
                if size > most:
                    break
    except TimeoutError:
        reason = f"the body did not come within {limits.body_s:g} s"
        raise Refused(408, reason) from None
    except ClientDisconnect:
        raise Refused(400, "the connection ended before the body") from None
    return size


def _announced(request: Request) -> int:
    """Length of the body that the header tells; 0 where it tells none."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
