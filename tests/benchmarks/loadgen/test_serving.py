"""Queries become batches and answers, in the caller's thread or in others."""

from __future__ import annotations

import threading

import pytest

from gluon_ssd.benchmarks.loadgen.serving import Server
from gluon_ssd.errors import ModelError

QUERIES = [(100 + number, number) for number in range(7)]


def detect(numbers):
    return [bytes([number]) for number in numbers]


def test_without_workers_every_query_is_answered_at_once_and_alone():
    batches, done = [], []

    def noting(numbers):
        batches.append(list(numbers))
        return detect(numbers)

    with Server(noting, done.extend, workers=0, batch_size=4) as server:
        server.issue(QUERIES[:2])
        assert done == [(100, b"\x00"), (101, b"\x01")] and batches == [[0], [1]]
    server.raise_error()


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_answer_every_query_once_in_batches(workers):
    go, sizes, done = threading.Event(), [], []

    def waiting(numbers):
        go.wait(10)
        sizes.append(len(numbers))
        return detect(numbers)

    with Server(waiting, done.extend, workers=workers, batch_size=3) as server:
        server.issue(QUERIES)
        go.set()
    assert sorted(done) == [(key, bytes([number])) for key, number in QUERIES]
    assert max(sizes) <= 3 and sum(sizes) == 7
    assert workers > 1 or 3 in sizes  # those that had to wait came together


def test_an_error_is_told_at_the_end_and_every_query_is_answered():
    done = []

    def refusing(numbers):
        if 1 in numbers:
            raise ModelError("broken")
        return detect(numbers)

    with Server(refusing, done.extend, workers=0) as server:
        server.issue(QUERIES[:3])
    assert done == [(100, b"\x00"), (101, b""), (102, b"\x02")]
    with pytest.raises(ModelError, match="^broken$"):
        server.raise_error()
