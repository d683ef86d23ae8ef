from __future__ import annotations

import contextlib
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.predict import predict


@dataclass
class Batch:
    arrays: dict
    indices: np.ndarray


def batch(indices, size_hw=(50, 200), input_hw=(100, 100)):
    count = len(indices)
    images = np.zeros((count, 3, *input_hw), np.float32)
    images[:, 0, 0, 0] = indices
    sizes = np.tile(np.array(size_hw, np.int32), (count, 1))
    return Batch({"image": images, "size_hw": sizes}, np.array(indices, np.int64))


def run(images):
    """Finds one box per image; its label is the image's number, the second row is empty."""
    count = len(images)
    ids = np.full((count, 2, 1), -1, np.float32)
    scores = np.full((count, 2, 1), -1, np.float32)
    bboxes = np.full((count, 2, 4), -1, np.float32)
    ids[:, 0, 0] = images[:, 0, 0, 0]
    scores[:, 0, 0] = 0.5
    bboxes[:, 0] = (-10, 20, 60, 130)
    return ids, scores, bboxes


def test_collects_every_image_in_order_and_in_both_coordinates():
    found = predict(run, [batch([2, 0]), batch([1])], num_images=3)
    assert found.num_images == 3
    assert found.image_index.tolist() == [0, 1, 2]
    assert found.labels.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.scores, 0.5)
    np.testing.assert_allclose(found.input_boxes_px, [[0, 20, 60, 100]] * 3)
    # The image is 200 wide and 50 high: x doubles and y halves.
    np.testing.assert_allclose(found.boxes_px, [[0, 10, 120, 50]] * 3)
    assert found.boxes_px.dtype == np.float32
    assert found.images_per_second == pytest.approx(3 / found.seconds)


def test_arrays_may_be_overwritten_once_the_next_batch_is_asked_for():
    def reused():
        shared = batch([0], size_hw=(50, 200))
        for number in range(3):
            shared.arrays["image"][:, 0, 0, 0] = number
            shared.arrays["size_hw"][:] = (50 + number, 200)
            shared.indices[:] = number
            yield shared

    found = predict(run, reused(), num_images=3)
    assert found.labels.tolist() == [0, 1, 2]
    assert found.sizes_hw.tolist() == [[50, 200], [51, 200], [52, 200]]
    np.testing.assert_allclose(found.boxes_px[:, 1], [10, 10.2, 10.4])


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([batch([0, 1])], "image number 2 came 0 times .1 of 3"),
        ([batch([0, 1]), batch([2, 1])], "image number 1 came 2 times .1 of 3"),
        ([], "image number 0 came 0 times .3 of 3"),
        ([batch([0, 3])], "holds image number 3, but the data set has 3 images"),
        ([batch([-5, 0])], "holds image number 4, but the data set has 3 images"),
        ([batch([0]), batch([1], input_hw=(90, 100))], "share one input size"),
        ([batch([0]), batch([1], input_hw=(100, 90))], "share one input size"),
    ],
    ids=[
        *("left out", "repeated", "nothing", "outside", "negative"),
        *("heights differ", "widths differ"),
    ],
)
def test_every_image_must_come_exactly_once(batches, message):
    with pytest.raises(DataError, match=message):
        predict(run, batches, num_images=3)


def test_rows_without_detection_are_left_out_and_the_others_keep_their_order():
    ids = np.array([[[-1], [2], [0]], [[-1], [-1], [-1]], [[1], [-1], [0]]], np.float32)
    scores = np.arange(9, dtype=np.float32).reshape(3, 3, 1) / 8
    bboxes = np.arange(36, dtype=np.float32).reshape(3, 3, 4)
    found = predict(lambda images: (ids, scores, bboxes), [batch([2, 0, 1])], num_images=3)
    assert found.image_index.tolist() == [1, 1, 2, 2]
    assert found.labels.tolist() == [1, 0, 2, 0]
    assert found.scores.tolist() == [0.75, 1.0, 0.125, 0.25]
    assert found.input_boxes_px[:, 0].tolist() == [24, 32, 4, 8]
    assert found.image_index.dtype == found.labels.dtype == np.int64
    assert found.scores.dtype == found.input_boxes_px.dtype == np.float32


def test_boxes_are_clipped_to_an_input_that_is_no_square():
    found = predict(run, [batch([0], size_hw=(50, 200), input_hw=(25, 40))], num_images=1)
    assert found.input_size_hw == (25, 40)
    assert found.input_boxes_px.tolist() == [[0, 20, 40, 25]]
    assert found.boxes_px.tolist() == [[0, 40, 200, 50]]


def in_two_processes(mine, theirs, num_images):
    """What one process gets when another one shares the images."""
    handed_over = []

    def record(rows):
        handed_over.append(rows)
        return rows

    with contextlib.suppress(DataError):  # it has not seen all images
        predict(run, theirs, num_images=num_images, gather=record)
    others = iter(handed_over)
    return predict(
        run, mine, num_images=num_images, gather=lambda rows: np.concatenate([rows, next(others)])
    )


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [([2, 0], [1]), ([1], [0, 2]), ([], [0, 1, 2]), ([0, 1, 2], [])],
    ids=["first has more", "second has more", "nothing here", "nothing there"],
)
def test_processes_that_share_the_images_get_all_of_them(mine, theirs):
    parts = [
        [batch([number], (50, 200 + number), (90, 60)) for number in p] for p in (mine, theirs)
    ]
    joined = in_two_processes(*parts, num_images=3)
    alone = predict(run, [batch([n], (50, 200 + n), (90, 60)) for n in range(3)], num_images=3)
    assert joined.input_size_hw == alone.input_size_hw == (90, 60)
    for name in ("image_index", "labels", "scores", "boxes_px", "input_boxes_px", "sizes_hw"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(alone, name), err_msg=name)


def test_processes_without_any_image_say_that_the_data_set_is_empty():
    with pytest.raises(DataError, match="no image to evaluate"):
        predict(run, [], num_images=0, gather=lambda rows: np.concatenate([rows, rows]))


def test_images_that_two_processes_both_had_are_an_error():
    with pytest.raises(DataError, match="image number 0 came 2 times .3 of 3"):
        predict(
            run,
            [batch([0, 1, 2])],
            num_images=3,
            gather=lambda rows: np.concatenate([rows, rows]),
        )


def test_empty_data_set_is_an_error():
    with pytest.raises(DataError, match="no image to evaluate"):
        predict(run, [], num_images=0)


def test_next_batch_is_pushed_before_the_last_result_is_fetched():
    events = []

    class Lazy:
        def __init__(self, array, number):
            self.array, self.number = array, number

        def asnumpy(self):
            events.append(f"fetch {self.number}")
            return self.array

    def lazy_run(images):
        number = int(images[0, 0, 0, 0])
        events.append(f"push {number}")
        return tuple(Lazy(output, number) for output in run(images))

    predict(lazy_run, [batch([0]), batch([1]), batch([2])], num_images=3)
    assert list(dict.fromkeys(events)) == [
        "push 0", "push 1", "fetch 0", "push 2", "fetch 1", "fetch 2",
    ]  # fmt: skip


def test_progress_bar_goes_to_stderr(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    predict(run, [batch([0, 1])], num_images=2, progress=True, description="validate")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "validate" in captured.err and "2/2" in captured.err


# ---- streams


def numbered_batches(count, in_use):
    """Batches of one image in arrays that are used again, `in_use` batches later."""
    shared = [batch([0]) for _ in range(in_use)]
    for number in range(count):
        one = shared[number % in_use]
        one.arrays["image"][:, 0, 0, 0] = number
        one.indices[:] = number
        yield one


@pytest.mark.parametrize("streams", [2, 3])
def test_streams_find_the_same_in_arrays_that_are_used_again(streams):
    def slow_at_times(images):
        time.sleep(0.003 * (images[0, 0, 0, 0] % 3))
        return run(images)

    found = predict(
        slow_at_times, numbered_batches(20, streams + 1), num_images=20, streams=streams
    )
    assert found.image_index.tolist() == found.labels.tolist() == list(range(20))


def test_streams_run_beside_one_another():
    met = threading.Barrier(2, timeout=20)

    def wait_for_the_other(images):
        met.wait()
        return run(images)

    found = predict(wait_for_the_other, numbered_batches(6, 3), num_images=6, streams=2)
    assert found.labels.tolist() == list(range(6))


def test_an_error_in_a_stream_comes_out_and_ends_the_others():
    def fail(images):
        if images[0, 0, 0, 0] == 3:
            raise DataError("number 3")
        return run(images)

    before = threading.active_count()
    with pytest.raises(DataError, match="number 3"):
        predict(fail, numbered_batches(30, 3), num_images=30, streams=2)
    assert threading.active_count() == before


def test_no_batch_is_read_when_too_many_are_waiting():
    read, done = [], []

    def count(batches):
        for one in batches:
            assert len(read) - len(done) <= 3
            read.append(int(one.indices[0]))
            yield one

    def note(images):
        outputs = run(images)
        done.append(int(images[0, 0, 0, 0]))
        return outputs

    predict(note, count(numbered_batches(12, 3)), num_images=12, streams=2)
    assert len(read) == 12


def test_images_that_are_left_out_have_no_detections_and_count_as_come():
    found = predict(run, [batch([2, ~0]), batch([1])], num_images=3)
    assert (found.num_images, found.left_out.tolist()) == (2, [0])
    assert found.image_index.tolist() == [1, 2]
    assert found.labels.tolist() == [1, 2]


def test_an_image_is_not_left_out_and_used():
    with pytest.raises(DataError, match="image number 0 came 2 times"):
        predict(run, [batch([0, ~0]), batch([1])], num_images=2)


def test_nothing_but_images_left_out_is_an_error():
    with pytest.raises(DataError, match="none of the images to evaluate can be used"):
        predict(run, [batch([~0, ~1])], num_images=2)


def test_processes_join_what_they_left_out():
    # Two processes: the other one had image 1, and left image 2 out.
    other = predict(run, [batch([1, ~2]), batch([0])], num_images=3)
    rows = iter(
        [other.image_index[1:], other.labels[1:], other.scores[1:], other.input_boxes_px[1:]]
    )

    def gather(array):
        if array.shape == (1, 3):
            theirs = {1: [0, 1, 1], 0: [0, 0, 1]}[int(array[0, 0])]
            return np.concatenate([array, [theirs]])
        if array.shape in ((1, 3, 2), (1, 2)):
            return array
        return np.concatenate([array, next(rows)])

    found = predict(run, [batch([0])], num_images=3, gather=gather)
    assert found.left_out.tolist() == [2]
    assert found.image_index.tolist() == [0, 1]
