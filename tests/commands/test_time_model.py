"""Which lines a measurement of speed prints, and on what it runs."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from gluon_ssd.commands.time_model import benchmark_lines, inference_lines
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.report.timing import DRY_RUNS
from tests.commands.builders import FixedModel
from tests.entry_builders import voc_set

EMPTY = (-1, -1, 0, 0, 0, 0)


def lines(model, *argv):
    argv = ["--deploy", "--model-prefix", "m", "--benchmark", *map(str, argv)]
    command = parse(EvalCommand, argv, prog="eval_ssd.py", description="")
    return list(benchmark_lines(command, model))


def test_noise_is_run_in_whole_batches_after_dry_runs():
    model = FixedModel([EMPTY])
    found = lines(model, "--batch-size", 3, "--num-iterations", 4)
    assert model.seen == [(3, 3, 50, 100)] * (DRY_RUNS + 4)
    assert found[0] == "-----benchmarking on deploy -----"
    assert re.fullmatch(
        r"Inference speed on deploy, with batchsize 3 is \d+\.\d\d img/sec", found[1]
    )
    assert found[2].startswith("latency of a batch of 3: median ")
    assert found[3].startswith("pre-processing of one 640x480 picture (resize, normalise): median ")
    assert found[4] == "network and decoding cannot be told apart in this symbol"
    assert re.fullmatch(r"peak memory \d+ MiB, 3 compute threads", found[5])
    assert len(found) == 6


@pytest.mark.parametrize(
    ("batch_size", "iterations", "images", "shape"),
    [(2, 100, 2, (2, 3, 50, 100)), (1, 2, 2, (1, 3, 50, 100)), (9, 100, 3, (3, 3, 50, 100))],
    ids=["whole batches", "no more than are timed", "all there are"],
)
def test_images_of_a_data_set_are_taken_in_full_batches(
    tmp_path, batch_size, iterations, images, shape
):
    model = FixedModel([(0, 0.5, 1, 1, 9, 9), EMPTY, (1, 0.5, 1, 1, 9, 9)])
    data = ("--dataset", "custom", "--dataset-root", voc_set(tmp_path / "set"), "-j", 0)
    limits = ("--batch-size", batch_size, "--num-iterations", iterations)
    found = lines(model, "--benchmark-data", *data, *limits)
    assert f"{images} images of the data set: 2.0 detections an image" in found
    assert set(model.seen) == {shape}


class Counting(FixedModel):
    """Knows of one candidate more in each image of a batch."""

    def count_candidates(self, images):
        return np.arange(10, 10 + len(images))


def test_candidates_are_told_where_they_are_known(tmp_path):
    data = ("--dataset", "custom", "--dataset-root", voc_set(tmp_path / "set"), "-j", 0)
    found = lines(Counting([EMPTY]), "--benchmark-data", *data, "--batch-size", 3)
    assert (
        "3 images of the data set: 0.0 detections an image, of 11.0 candidates that enter "
        "suppression (10 to 12)"
    ) in found


class Splittable(FixedModel):
    """Counts the runs of its network, which has no decoding here."""

    can_split = True

    def run_heads(self, images):
        self.seen.append(np.shape(images))
        return [np.zeros(1)]

    def run(self, images):
        raise AssertionError("decoding is not part of it")


def test_the_mode_runs_the_network_alone_on_the_data_set_over_and_over(tmp_path):
    model = Splittable([EMPTY])
    argv = ["--deploy", "--model-prefix", "m", "--mode", "benchmark-inference"]
    argv += ["--benchmark-warmup", "1", "--benchmark-iterations", "4", "--batch-size", "2"]
    argv += ["--dataset", "custom", "--dataset-root", str(voc_set(tmp_path / "set")), "-j", "0"]
    summary = tmp_path / "summary.json"
    argv += ["--json-summary", str(summary)]
    command = parse(EvalCommand, argv, prog="eval_ssd.py", description="")
    rates, done = inference_lines(command, model)
    # Three images, two by two: batches of 2, 1, 2, 1, 2, of which the first is warm-up.
    assert [shape[0] for shape in model.seen] == [2, 1, 2, 1, 2]
    assert rates.startswith("avg_img/sec ")
    assert done.startswith("Done benchmarking. Total images: 6\ttotal time: ")
    kinds = [json.loads(line)["type"] for line in summary.read_text().splitlines()]
    assert kinds == ["PARAMETER", "LOG"]


def test_a_busy_machine_is_told(monkeypatch, caplog):
    monkeypatch.setattr("gluon_ssd.system.load.LoadMeter.cores_of_others", lambda self: 1.34)
    lines(FixedModel([EMPTY]), "--num-iterations", 1)
    assert "this machine is busy: other programs used 1.3 of " in caplog.text
