"""Batches of a pretended detector, which computes when it is let."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

import pytest

from gluon_ssd.serving.batching import Batcher
from gluon_ssd.serving.computing import Request
from gluon_ssd.serving.contract import JSON, Refused
from gluon_ssd.serving.metrics import Metrics

pytestmark = pytest.mark.serve


class Held:
    """Answers requests with their own bodies, one batch for each time it is let."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.may = threading.Semaphore(0)

    def __call__(self, requests):
        self.batches.append([request.body for request in requests])
        self.may.acquire()
        return [
            Refused(400, "bad") if request.body == b"bad" else request.body for request in requests
        ]


def run(scenario, *, compute, workers=1, batch_size=3, wait_s=60.0):
    """Run a scenario, a function of a batcher, in an event loop."""

    async def inside():
        batcher = Batcher(
            compute, workers=workers, batch_size=batch_size, wait_s=wait_s, metrics=Metrics()
        )
        async with aclosing(batcher):
            return await scenario(batcher)

    return asyncio.run(inside())


def ask(batcher, *bodies):
    return [asyncio.create_task(batcher.answer(Request(body, JSON))) for body in bodies]


async def begun(compute, count):
    """Wait until so many batches are being computed."""
    while len(compute.batches) < count:
        await asyncio.sleep(0.001)


def test_what_waits_together_is_one_batch():
    compute = Held()

    async def scenario(batcher):
        tasks = ask(batcher, b"0")
        await begun(compute, 1)
        tasks += ask(batcher, b"1", b"2", b"3", b"4")
        await asyncio.sleep(0)
        compute.may.release(3)
        return await asyncio.gather(*tasks)

    assert run(scenario, compute=compute) == [b"0", b"1", b"2", b"3", b"4"]
    assert compute.batches == [[b"0"], [b"1", b"2", b"3"], [b"4"]]


def test_those_who_are_free_share_what_waits():
    compute = Held()

    async def scenario(batcher):
        await asyncio.sleep(0)  # both are waiting now
        tasks = ask(batcher, b"0", b"1", b"2", b"3")
        await begun(compute, 2)
        compute.may.release(2)
        return await asyncio.gather(*tasks)

    assert run(scenario, compute=compute, workers=2, batch_size=8) == [b"0", b"1", b"2", b"3"]
    assert sorted(compute.batches) == [[b"0", b"1"], [b"2", b"3"]]


def test_a_refusal_is_its_own_requests():
    compute = Held()
    compute.may.release(9)

    async def scenario(batcher):
        return await asyncio.gather(*ask(batcher, b"a", b"bad", b"b"), return_exceptions=True)

    first, refused, last = run(scenario, compute=compute)
    assert (first, last) == (b"a", b"b")
    assert isinstance(refused, Refused) and refused.status == 400


def test_who_waits_too_long_is_refused_while_the_batch_before_goes_on():
    compute = Held()

    async def scenario(batcher):
        (first,) = ask(batcher, b"0")
        await begun(compute, 1)
        (late,) = ask(batcher, b"1")
        with pytest.raises(Refused) as caught:
            await late
        assert not first.done()
        compute.may.release(9)
        assert await first == b"0"
        assert await ask(batcher, b"2")[0] == b"2"
        return caught.value

    refused = run(scenario, compute=compute, wait_s=0.05)
    assert (refused.status, refused.retry_s) == (503, 1) and "0.05 s" in refused.reason
    assert compute.batches == [[b"0"], [b"2"]]


def test_a_fault_reaches_every_request_of_its_batch_and_the_next_is_computed():
    faults = [True]

    def compute(requests):
        if faults:
            faults.pop()
            raise ZeroDivisionError("a fault")
        return [request.body for request in requests]

    async def scenario(batcher):
        failed = await asyncio.gather(*ask(batcher, b"0", b"1"), return_exceptions=True)
        return [*failed, await ask(batcher, b"2")[0]]

    first, second, third = run(scenario, compute=compute)
    assert isinstance(first, ZeroDivisionError) and isinstance(second, ZeroDivisionError)
    assert third == b"2"


def test_who_has_gone_is_no_trouble():
    compute = Held()

    async def scenario(batcher):
        gone, stays = ask(batcher, b"0", b"1")
        await begun(compute, 1)
        gone.cancel()
        await asyncio.sleep(0)
        compute.may.release(9)
        return await stays

    assert run(scenario, compute=compute) == b"1"
