"""Detections to LoadGen's log and back."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.benchmarks.loadgen.answers import encode_answers, read_answers
from gluon_ssd.errors import DataError

ROWS = np.array(
    [
        [[1, 0.9, 10, 20, 50, 40], [0, 0.5, -5, 0, 200, 25], [-1, -1, -1, -1, -1, -1]],
        [[-1, -1, -1, -1, -1, -1]] * 3,
    ],
    np.float32,
)
OUTPUTS = [ROWS[..., :1], ROWS[..., 1:2], ROWS[..., 2:]]


def entries(numbers, outputs):
    answers = encode_answers(numbers, outputs, (50, 100))
    pairs = zip(numbers, answers, strict=True)
    return [{"qsl_idx": number, "data": answer.hex().upper()} for number, answer in pairs]


def test_an_answer_is_rows_of_seven_numbers_as_mlperf_reads_them():
    first, second = encode_answers([7, 2], OUTPUTS, (50, 100))
    np.testing.assert_allclose(
        np.frombuffer(first, np.float32).reshape(-1, 7),
        [[7, 0.4, 0.1, 0.8, 0.5, 0.9, 2], [7, 0, 0, 0.5, 1, 0.5, 1]],
        rtol=1e-6,
    )
    assert second == b""


def test_a_log_gives_the_detections_in_the_order_of_the_images():
    log = [*entries([1, 2], OUTPUTS), *entries([0], [o[:1] for o in OUTPUTS])]
    found = read_answers(log, [(100, 200), (50, 100), (10, 10)], (50, 100))
    assert found.image_index.tolist() == [0, 0, 1, 1] and found.labels.tolist() == [1, 0, 1, 0]
    np.testing.assert_allclose(found.scores, [0.9, 0.5, 0.9, 0.5])
    np.testing.assert_allclose(found.input_boxes_px[:2], [[10, 20, 50, 40], [0, 0, 100, 25]])
    np.testing.assert_allclose(found.boxes_px[0], [20, 40, 100, 80])
    np.testing.assert_allclose(found.boxes_px[2], [10, 20, 50, 40])
    assert found.num_images == 3 and found.input_size_hw == (50, 100)


def test_no_detection_at_all_is_no_error():
    found = read_answers([{"qsl_idx": 0, "data": ""}], [(10, 10)], (50, 100))
    assert found.boxes_px.shape == (0, 4) and len(found.labels) == 0


@pytest.mark.parametrize(
    ("numbers", "message"),
    [([0], "answers 1 of 2 images .* image number 1 with 0"), ([0, 1, 0], "number 0 with 2 answ")],
)
def test_every_image_is_answered_once(numbers, message):
    log = [{"qsl_idx": number, "data": ""} for number in numbers]
    with pytest.raises(DataError, match=message):
        read_answers(log, [(10, 10)] * 2, (50, 100))
