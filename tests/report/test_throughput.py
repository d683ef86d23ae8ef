"""Images a second of iterations, by hand; and what counts as an iteration."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.report import throughput as module
from gluon_ssd.report.throughput import Stopwatch, Throughput, endless, time_inference

LINE = (
    "Done benchmarking. Total images: 12\ttotal time: 5.000\t"
    "Average images/sec: 3.000\tMedian images/sec: 4.000"
)


def test_average_median_least_and_greatest_are_of_the_iterations():
    found = Throughput(images=(4, 4, 4), seconds=(1.0, 1.0, 4.0))
    facts = found.facts()
    assert facts == {"avg_img/sec": 3, "med_img/sec": 4, "min_img/sec": 1, "max_img/sec": 4}
    rates, line = Throughput((4, 4, 4), (1.0, 1.0, 3.0)), list(found.lines(training=False))
    assert line[0] == "avg_img/sec 3.000, med_img/sec 4.000, min_img/sec 1.000, max_img/sec 4.000"
    assert line[1] == LINE.replace("5.000", "6.000")
    assert list(rates.lines(training=True))[-1] == "Training performance = 4.0 FPS"


class Clock:
    """Each look at it is later than the one before by the next of the given seconds."""

    def __init__(self, *seconds):
        self.now, self.seconds = 100.0, iter(seconds)

    def perf_counter(self):
        self.now += next(self.seconds)
        return self.now


@pytest.fixture
def clock(monkeypatch):
    def use(*seconds):
        monkeypatch.setattr(module, "time", Clock(*seconds))

    return use


def test_iterations_below_the_warmup_do_not_count(clock):
    clock(0, 9, 8, 2, 1)
    watch = Stopwatch(2)
    for images in (1, 2, 3, 4):
        watch.lap(images)
    assert watch.throughput() == Throughput((3, 4), (2.0, 1.0))


def test_warmup_that_takes_all_is_an_error(clock):
    clock(0, 1)
    watch = Stopwatch(1)
    watch.lap(5)
    with pytest.raises(DataError, match="gave 1 iterations and 1 of them are warm-up") as caught:
        watch.throughput()
    assert caught.value.settings == ("benchmark_warmup",)


class Late:
    """An array that comes when it is waited for."""

    def __init__(self, log):
        self.log = log

    def wait_to_read(self):
        self.log.append("done")


def test_inference_is_loading_and_running_until_the_result_is_there(clock):
    clock(0, 5, 5, 2, 4)
    log = []

    def batches():
        while True:
            log.append("load")
            yield SimpleNamespace(arrays={"image": np.zeros((3, 3, 2, 2))})

    def run(images):
        log.append("run")
        return [Late(log)]

    found = time_inference(run, batches(), warmup=2, iterations=2)
    assert found == Throughput((3, 3), (2.0, 4.0))
    assert log == ["load", "run", "done"] * 4


def test_endless_goes_from_epoch_to_epoch():
    batches = endless(lambda epoch: iter([(epoch, 0), (epoch, 1)]))
    assert [next(batches) for _ in range(5)] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    batches.close()
