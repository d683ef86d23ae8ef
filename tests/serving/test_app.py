"""The contract, and each way to be refused, in one event loop without a socket."""

from __future__ import annotations

import asyncio
import json

import pytest

from gluon_ssd.serving.app import create_app
from gluon_ssd.serving.contract import JSON, JSON_LINES, OWN
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.metrics import Metrics
from gluon_ssd.serving.service import Service, State
from tests.serving.builders import JPEG, LIMITS, PNG, computing_of, running
from tests.serving.test_batching import Held, begun

pytestmark = pytest.mark.serve

SMALL = ServeLimits(max_bytes=2000, max_pixels=3000, body_s=0.1)


def run(scenario, compute, limits=LIMITS, **options):
    """Run a scenario, a function of a service and its client."""

    async def inside():
        async with running(compute, limits, **options) as (service, client):
            return await scenario(service, client)

    return asyncio.run(inside())


def reason_of(answer, code):
    """The reason in an answer that refuses."""
    assert answer.status_code == code
    assert answer.headers["content-type"] == JSON
    error = answer.json()["error"]
    assert error["code"] == code and error["reason"] and answer.json().keys() == {"error"}
    return error["reason"]


@pytest.mark.parametrize(
    ("accept", "form"), [({}, JSON), ({"accept": JSON_LINES}, JSON_LINES), ({"accept": OWN}, OWN)]
)
def test_an_image_in_the_body_and_what_was_found_comes_back(tmp_path, accept, form):
    async def scenario(service, client):
        return await client.post("/invocations", content=PNG, headers=accept)

    answer = run(scenario, computing_of(tmp_path))
    assert (answer.status_code, answer.headers["content-type"]) == (200, form)
    assert answer.text.endswith("\n") == (form == JSON_LINES)
    found = json.loads(answer.text)
    if form == OWN:
        assert found["detections"][0]["class"] == "green"
        assert found["detections"][0]["box_px"] == [6, 8, 30, 20]
    else:
        ((label, score, *corners),) = found["prediction"]
        assert label == 1.0 and score == pytest.approx(0.9)
        assert corners == pytest.approx([6 / 60, 8 / 40, 30 / 60, 20 / 40])


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        ({"content": b""}, 400, "the body is empty"),
        ({"content": b"no image"}, 400, "begins neither as a JPEG nor as a PNG"),
        ({"content": JPEG[:300]}, 400, "cut off"),
        ({"content": PNG, "headers": {"accept": "text/html"}}, 406, "application/jsonlines"),
        ({"content": PNG + bytes(2000)}, 413, "MiB, which is the limit"),
        ({"content": PNG + bytes(9000)}, 413, "MiB, which is the limit"),
        ({"content": b"a,b", "headers": {"content-type": "text/csv"}}, 415, "'text/csv'"),
    ],
    ids=["empty", "no image", "cut off", "accept", "too long", "far too long", "type"],
)
def test_what_is_refused_has_a_code_and_a_reason(tmp_path, request_, code, reason):
    async def scenario(service, client):
        refused = await client.post("/invocations", **request_)
        good = await client.post("/invocations", content=PNG)
        return refused, good, service.open, service.metrics.text()

    refused, good, still_open, metrics = run(scenario, computing_of(tmp_path), SMALL)
    assert reason in reason_of(refused, code)
    assert (good.status_code, still_open) == (200, 0)
    assert f'ssd_requests_total{{code="{code}"}} 1.0'.encode() in metrics


def raw(parts, limits=SMALL, headers=(), *, is_ready=True):
    """Code, headers and body of the answer to a request whose body comes in parts, one at a time.

    httpx would read the whole body first.
    """

    async def inside():
        service, messages = Service(limits, Metrics()), []
        if is_ready:
            service.begin(object())

        async def receive():
            body = await anext(parts)
            if body is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": body, "more_body": True}

        async def send(message):
            messages.append(message)

        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"},
            **{"method": "POST", "scheme": "http", "path": "/invocations", "root_path": ""},
            **{"raw_path": b"/invocations", "query_string": b"", "client": None, "server": None},
            "headers": list(headers),
        }
        await create_app(service)(scope, receive, send)
        assert service.open == 0
        start, body = messages
        return start["status"], dict(start["headers"]), json.loads(body["body"])

    return asyncio.run(inside())


def counted(taken, size=1000):
    """Parts of a body without an end; each that is asked for is noted."""

    async def parts():
        while True:
            taken.append(1)
            yield bytes(size)

    return parts()


@pytest.mark.parametrize("is_ready", [True, False])
def test_a_body_without_an_end_is_left_at_some_point(is_ready):
    taken = []
    code, headers, _ = raw(counted(taken), is_ready=is_ready)
    assert code == (413 if is_ready else 503)
    assert headers[b"connection"] == b"close"
    assert len(taken) == 9  # four times the limit, and what shows that it is more


@pytest.mark.parametrize(
    ("length", "headers"), [(8001, []), (2001, [(b"expect", b"100-continue")])]
)
def test_a_body_that_says_it_is_too_long_is_not_asked_for(length, headers):
    taken = []
    headers = [(b"content-length", str(length).encode()), *headers]
    assert raw(counted(taken), headers=headers)[0] == 413
    assert taken == []


def test_a_body_that_does_not_come_is_not_waited_for():
    async def slow():
        yield b"\xff\xd8"
        await asyncio.sleep(3600)

    code, headers, body = raw(slow())
    assert (code, headers[b"connection"]) == (408, b"close")
    assert "did not come within 0.1 s" in body["error"]["reason"]


def test_a_connection_that_ends_early_leaves_nothing_open():
    async def ends():
        yield b"\xff\xd8"
        yield None

    assert raw(ends())[0] == 400


def test_ping_and_invocations_before_the_model_is_there_and_at_the_end(tmp_path):
    async def scenario(service, client):
        states = []
        for change in (lambda: None, service.drain):
            change()
            states.append(
                (await client.get("/ping"), await client.post("/invocations", content=PNG))
            )
        service.state = State.LOADING
        states.append((await client.get("/ping"), await client.post("/invocations", content=PNG)))
        return states

    ready, ending, loading = run(scenario, computing_of(tmp_path))
    assert [answer.status_code for answer in ready] == [200, 200] and ready[0].content == b""
    for answers, reason in ((ending, "is ending"), (loading, "being loaded")):
        for answer in answers:
            assert reason in reason_of(answer, 503)
            assert int(answer.headers["retry-after"]) >= 1


def test_one_more_than_is_allowed_is_told_to_come_again():
    compute = Held()

    async def scenario(service, client):
        tasks = [asyncio.create_task(client.post("/invocations", content=PNG)) for _ in range(2)]
        await begun(compute, 1)
        while service.open < 2:
            await asyncio.sleep(0.001)
        refused = await client.post("/invocations", content=PNG)
        compute.may.release(9)
        return refused, await asyncio.gather(*tasks)

    refused, served = run(scenario, compute, ServeLimits(max_requests=2))
    assert "2 requests are open" in reason_of(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert [answer.status_code for answer in served] == [200, 200]


def test_who_waits_too_long_is_told_to_come_again():
    compute = Held()

    async def scenario(service, client):
        first = asyncio.create_task(client.post("/invocations", content=PNG))
        await begun(compute, 1)
        late = await client.post("/invocations", content=PNG)
        compute.may.release(9)
        return late, await first

    late, first = run(scenario, compute, ServeLimits(wait_s=0.05))
    assert "within 0.05 s" in reason_of(late, 503) and first.status_code == 200


def test_a_fault_of_the_service_is_an_answer_too():
    def fail(requests):
        raise ZeroDivisionError("a fault")

    async def scenario(service, client):
        answers = [await client.post("/invocations", content=PNG) for _ in range(2)]
        return answers, service.open, service.metrics.text()

    answers, still_open, metrics = run(scenario, fail)
    assert [reason_of(answer, 500) for answer in answers] == 2 * [
        "a fault of the service; its log says more"
    ]
    assert still_open == 0 and b'ssd_requests_total{code="500"} 2.0' in metrics


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/invocations", 405),
        ("POST", "/ping", 405),
    ],
)
def test_other_paths_say_which_there_are(tmp_path, method, path, code):
    async def scenario(service, client):
        return await client.request(method, path)

    assert "POST /invocations" in reason_of(run(scenario, computing_of(tmp_path)), code)


def test_numbers_for_prometheus(tmp_path):
    async def scenario(service, client):
        sent = [client.post("/invocations", content=PNG) for _ in range(3)]
        await asyncio.gather(*sent, client.post("/invocations", content=b"x"))
        return await client.get("/metrics")

    answer = run(scenario, computing_of(tmp_path))
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    for line in (
        'ssd_requests_total{code="200"} 3.0',
        'ssd_requests_total{code="400"} 1.0',
        "ssd_request_seconds_count 3.0",
        "ssd_wait_seconds_count 4.0",
        "ssd_batch_requests_sum 4.0",
        "ssd_waiting_requests 0.0",
        "ssd_open_requests 0.0",
        "ssd_ready 1.0",
        "ssd_damaged_images_total 0.0",
    ):
        assert line in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
