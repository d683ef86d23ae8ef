from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.inference.batches import SharedModel
from gluon_ssd.inference.speed import measure_speed
from tests.inference.builders import bright, toy_model


@pytest.fixture
def model(tmp_path):
    return toy_model(tmp_path)


@pytest.fixture(autouse=True)
def notice(monkeypatch):
    """What is said of other programs: nothing, or as a test sets it."""
    said = {"": ""}
    monkeypatch.setattr("gluon_ssd.inference.speed.LoadMeter.notice", lambda self: said[""])
    return said


def test_a_busy_machine_is_told(model, notice):
    notice[""] = "this machine is busy"
    speed = measure_speed(SharedModel(model), [], batch_size=1, iterations=1)
    assert str(speed).splitlines()[-1] == speed.busy == "this machine is busy"


def test_every_part_that_can_be_timed_is(model):
    speed = measure_speed(SharedModel(model), [bright(0)], batch_size=2, iterations=4)
    assert (speed.batch_size, speed.whole.count, speed.prepare.count) == (2, 4, 4)
    assert speed.network is None and speed.decode is None
    expected = 2000 / (speed.whole.mean_ms + 2 * speed.prepare.mean_ms)
    assert speed.images_per_second == pytest.approx(expected)
    lines = str(speed).splitlines()
    assert lines[0].startswith("network and decoding, batch 2: median ")
    assert "in float32 on 1 threads, peak memory" in lines[-1]


def test_network_and_decoding_are_told_apart_where_the_model_can(model):
    class Split(type(model)):
        can_split = True

        def run_heads(self, images):
            return [images]

        def run_decode(self, predictions):
            return super().run(*predictions)

    split = Split(**vars(model))
    speed = measure_speed(SharedModel(split), [], batch_size=1, iterations=3)
    assert speed.network is not None and speed.decode is not None
    assert "decoding alone: median" in str(speed)


def test_pictures_of_all_sizes_are_taken_in_turn(model):
    seen = []

    class Seeing(type(model)):
        def run(self, images):
            seen.append(images.shape)
            return super().run(images)

    pictures = [bright(0), np.zeros((9, 7, 3), np.uint8), bright(1)]
    shared = SharedModel(Seeing(**vars(model)))
    measure_speed(shared, pictures, batch_size=2, iterations=3)
    assert set(seen) == {(2, 3, 40, 60)}


@pytest.mark.parametrize("name", ["batch_size", "iterations"])
def test_numbers_are_checked(model, name):
    numbers = {"batch_size": 1, "iterations": 1, name: 0}
    with pytest.raises(OptionError, match=f"{name} must be at least 1; got 0"):
        measure_speed(SharedModel(model), [], **numbers)
