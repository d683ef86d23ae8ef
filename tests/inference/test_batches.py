from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.inference.batches import Detecting, SharedModel
from gluon_ssd.inference.pictures import Picture
from gluon_ssd.models.record import ModelRecord
from tests.inference.builders import CLASSES, bright, toy_model

RECORD = ModelRecord("counts", ("a",), (4, 4), mean=(0.0,) * 3, std=(1.0,) * 3)


@dataclass
class Counting(RuntimeModel):
    """Finds in every picture one box over the upper left quarter; its score is the first pixel."""

    name: str = "counting"
    input_size_hw: tuple[int, int] = (4, 4)
    record: ModelRecord = RECORD
    num_classes: int = 1
    precision: str = "float32"
    threads: int = 1
    streams: int = 1
    lengths: list[int] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0

    def run(self, images):
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.lengths.append(len(images))
        threading.Event().wait(0.001)
        rows = np.full((len(images), 2, 6), -1, np.float32)
        rows[:, 0] = np.array([0, 0, 0, 0, 2, 2], np.float32)
        rows[:, 0, 1] = images[:, 0, 0, 0]
        self.inside -= 1
        return rows[..., :1], rows[..., 1:2], rows[..., 2:]


def grey(value: int, *, is_live: bool = False, size_hw=(8, 12)) -> Picture:
    pixels = np.full((*size_hw, 3), value, np.uint8)
    return Picture(f"grey {value}", None, pixels, lambda: pixels, is_live)


def detecting(model, batch_size=3, threshold=0.0, keeps_pixels=False) -> Detecting:
    return Detecting(SharedModel(model), ("a",), batch_size, threshold, keeps_pixels)


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (8, [3, 3, 2])]
)
def test_every_picture_has_a_result_in_order(count, lengths):
    model = Counting()
    results = list(detecting(model).results(grey(n) for n in range(count)))
    assert [result.source for result in results] == [f"grey {n}" for n in range(count)]
    np.testing.assert_allclose([float(r.scores[0]) for r in results], np.arange(count) / 255)
    assert model.lengths == lengths


def test_boxes_are_in_pixels_of_each_picture():
    pictures = [grey(9), grey(9, size_hw=(40, 20))]
    results = list(detecting(Counting()).results(pictures))
    assert [r.boxes_px.tolist() for r in results] == [[[0, 0, 6, 4]], [[0, 0, 10, 20]]]
    assert [r.size_hw for r in results] == [(8, 12), (40, 20)]
    assert [r.labels.dtype.name for r in results] == ["int64", "int64"]
    assert all(r.seconds > 0.0004 for r in results)


def test_the_threshold_is_the_smallest_score():
    results = list(detecting(Counting(), threshold=51 / 255).results([grey(50), grey(51)]))
    assert [len(result) for result in results] == [0, 1]


def test_live_pictures_are_not_waited_for():
    taken = []

    def camera():
        for number in range(5):
            taken.append(number)
            yield grey(number, is_live=True)

    model = Counting()
    for number, result in enumerate(detecting(model).results(camera())):
        assert (result.source, taken) == (f"grey {number}", list(range(number + 1)))
    assert model.lengths == [1] * 5


def test_a_camera_after_files_waits_for_none_of_them():
    model = Counting()
    pictures = [grey(0), grey(1, is_live=True), grey(2)]
    assert [r.source[-1] for r in detecting(model).results(pictures)] == ["0", "1", "2"]
    assert model.lengths == [1, 1, 1]


def test_a_stream_reads_at_most_two_batches_ahead():
    taken = []

    def files():
        for number in range(30):
            taken.append(number)
            yield grey(number)

    for number, _ in enumerate(detecting(Counting()).results(files())):
        assert len(taken) <= number + 2 * 3 + 1


@pytest.mark.parametrize("keeps_pixels", [True, False])
def test_pixels_are_kept_only_when_asked_for(keeps_pixels):
    pixels = np.zeros((8, 12, 3), np.uint8)
    frame = Picture("film.mp4", 3, pixels, None)
    (result,) = detecting(Counting(), keeps_pixels=keeps_pixels).results([frame])
    assert (result.source, result.frame) == ("film.mp4", 3)
    assert (result.read is not None) == keeps_pixels


def test_what_goes_wrong_in_the_model_reaches_the_caller():
    class Broken(Counting):
        def run(self, images):
            raise ValueError("broken")

    for count in (1, 3, 4):
        with pytest.raises(ValueError, match="broken"):
            list(detecting(Broken()).results(grey(n) for n in range(count)))


@pytest.mark.parametrize("streams", [1, 2])
def test_so_many_threads_are_inside_and_no_more(streams):
    model = Counting(streams=streams)
    shared = SharedModel(model)
    images = np.zeros((1, 3, 4, 4), np.float32)
    threads = [
        threading.Thread(target=lambda: [shared.run(images) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.most_inside <= streams
    assert len(model.lengths) == 80


def test_threads_of_a_model_are_made_once():
    shared = SharedModel(Counting())
    images = np.zeros((1, 3, 4, 4), np.float32)
    shared.start(images)()
    before = threading.active_count()
    for _ in range(5):
        shared.start(images)()
    assert threading.active_count() == before


def test_a_known_rectangle_is_found_where_it_is(tmp_path):
    model = toy_model(tmp_path)
    pixels = bright(1, (12, 16, 60, 40), (80, 120))  # twice the size of the input
    picture = Picture("array", None, pixels, None)
    (result,) = Detecting(SharedModel(model), CLASSES, 8, 0.5, False).results([picture])
    assert result.names == ["green"]
    np.testing.assert_allclose(result.boxes_px, [[12, 16, 60, 40]], atol=2.01)
