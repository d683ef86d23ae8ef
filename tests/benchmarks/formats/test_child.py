"""One form in a process, here in this one: a detector of NumPy alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.benchmarks.formats import child
from gluon_ssd.benchmarks.formats.child import FormBench
from gluon_ssd.benchmarks.gluoncv import detector
from gluon_ssd.deploy import runtime
from gluon_ssd.errors import EnvironmentProblem, ModelError
from tests import toy_runtime
from tests.data.builders import write_image

SIZE_HW = (40, 60)


class Split(toy_runtime.ToyModel):
    """The toy in two halves."""

    can_split = True

    def run_heads(self, images):
        return [images]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """What the child is told; the toy is the only runtime that knows the file."""
    monkeypatch.setitem(runtime.RUNTIMES, "toy", toy_runtime.TOY)
    monkeypatch.setattr(child, "WINDOW_S", 0.0)
    toy_runtime.write_toy(tmp_path / "m", ("red", "green", "blue"), SIZE_HW)
    images = np.zeros((3, 3, *SIZE_HW), np.float32)
    images[1:, 1, 10:20, 30:40] = 1  # nothing in the first
    np.save(tmp_path / "images.npy", images, allow_pickle=False)
    path, images_file = str(tmp_path / "m"), str(tmp_path / "images.npy")
    return {"path": path, "dtype": "float32", "size_hw": SIZE_HW, "images": images_file}


def test_loading_ends_with_the_detections_of_the_first_image(job):
    assert FormBench().load(**job) == 0
    images = np.load(job["images"])[1:]
    np.save(job["images"], images, allow_pickle=False)
    assert FormBench().load(**job) == 1


def test_calls_are_timed_whole(job):
    bench = FormBench()
    bench.load(**job)
    found = bench.time(calls=4)
    assert len(found["whole"]) == 4 and min(found["whole"]) > 0 and found["network"] == []
    assert bench.memory() > 10 and bench.candidates() is None


def test_calls_of_a_model_in_two_halves_are_timed_in_turns(job, monkeypatch):
    monkeypatch.setattr(toy_runtime, "ToyModel", Split)
    bench = FormBench()
    bench.load(**job)
    found = bench.time(calls=3)
    assert len(found["whole"]) == len(found["network"]) == 3


def test_every_stream_runs_its_batches(job, monkeypatch):
    bench = FormBench()
    bench.load(**job)
    seen = []
    monkeypatch.setattr(
        toy_runtime.ToyModel, "run", lambda self, images: seen.append(images.shape) or [images]
    )
    assert bench.rate(batch_size=2, batches=3, streams=2) > 0
    assert seen == [(1, 3, *SIZE_HW)] + [(2, 3, *SIZE_HW)] * 6


def test_the_object_of_gluoncv_is_loaded_where_it_is_asked_for(job, monkeypatch):
    made = {}

    class Original:
        can_split = False

        def __init__(self, **arguments):
            made.update(arguments)

        def place(self, images):
            return images

        def run(self, images):
            return [np.zeros((len(images), 2, 1))] * 3

    monkeypatch.setattr(detector, "Original", Original)
    assert FormBench().load(**job, original={"prefix": "p"}) == 2
    assert made == {"prefix": "p"}


def test_a_type_that_there_is_not_is_refused(job):
    with pytest.raises(ModelError, match="cannot run in bfloat16$"):
        FormBench().load(**{**job, "dtype": "bfloat16"})


def test_a_type_that_the_cpu_lacks_is_refused(job, monkeypatch):
    def check_dtype(dtype, device, asked):
        raise EnvironmentProblem(f"{asked}: no {dtype} on {device}")

    lacking = runtime.Runtime(toy_runtime.TOY.recognises, toy_runtime.load, check_dtype=check_dtype)
    monkeypatch.setitem(runtime.RUNTIMES, "toy", lacking)
    with pytest.raises(EnvironmentProblem, match="no bfloat16 on cpu$"):
        child.FormBench().load(**{**job, "dtype": "bfloat16"})


def test_a_score_is_that_of_a_data_set(job, tmp_path, monkeypatch):
    from tests.data.builders import voc_object, voc_xml, write_voc

    box = voc_object("green", (31, 11, 40, 20))
    root = write_voc(tmp_path / "set", {"a": voc_xml([box], SIZE_HW)}, {"val": ["a"]})
    write_image(root / "JPEGImages" / "a.jpg", SIZE_HW, seed=0)
    bench = FormBench()
    bench.load(**job)
    rows = np.array([[[1, 0.9, 30, 10, 40, 20]]], np.float32)
    monkeypatch.setattr(
        toy_runtime.ToyModel, "run", lambda self, i: (rows[..., :1], rows[..., 1:2], rows[..., 2:])
    )
    record = toy_runtime.load(
        job["path"], input_size_hw=None, device="cpu", fuse=True, threads=0, streams=0
    ).record
    classes = tmp_path / "classes.txt"
    classes.write_text("red\ngreen\nblue\n")
    data = {
        "dataset": "custom",
        "dataset_root": str(root),
        "num_workers": 0,
        "classes": str(classes),
    }
    score = bench.score(
        data=data, metric="voc07", batch_size=2, record=json.loads(record.to_json())
    )
    assert score == pytest.approx(1.0)
