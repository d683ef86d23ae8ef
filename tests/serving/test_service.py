from __future__ import annotations

import asyncio

import pytest

from gluon_ssd.serving.contract import Refused
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.metrics import Metrics
from gluon_ssd.serving.service import Service, State

pytestmark = pytest.mark.serve

BATCHER = object()


def service(most: int = 2) -> Service:
    made = Service(ServeLimits(max_requests=most), Metrics())
    made.begin(BATCHER)
    return made


def refused_by(made: Service) -> Refused:
    with pytest.raises(Refused) as caught, made.let_in():
        pass
    assert caught.value.status == 503 and caught.value.retry_s
    return caught.value


def test_nobody_is_let_in_before_the_model_is_there_and_at_the_end():
    made = Service(ServeLimits(), Metrics())
    assert "being loaded" in refused_by(made).reason
    made.begin(BATCHER)
    with made.let_in() as batcher:
        assert batcher is BATCHER
    assert b"\nssd_ready 1.0\n" in made.metrics.text()
    made.drain()
    assert "is ending" in refused_by(made).reason
    assert b"\nssd_ready 0.0\n" in made.metrics.text()


def test_a_model_that_comes_after_the_end_was_asked_for_opens_nothing():
    made = Service(ServeLimits(), Metrics())
    made.drain()
    made.begin(BATCHER)
    assert made.state is State.DRAINING


def test_there_is_room_for_so_many_and_again_when_one_has_left():
    made = service(2)
    with made.let_in():
        with made.let_in():
            assert made.open == 2
            assert "2 requests are open" in refused_by(made).reason
            assert b"\nssd_open_requests 2.0\n" in made.metrics.text()
        with made.let_in():
            assert made.open == 2
    assert made.open == 0


def test_the_end_waits_for_those_who_are_in():
    async def scenario():
        made = service()
        await asyncio.wait_for(made.empty(), 1)
        with made.let_in():
            waiting = asyncio.create_task(made.empty())
            await asyncio.sleep(0)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(scenario())
