from __future__ import annotations

from collections import Counter

import pytest

from gluon_ssd.benchmarks.service.requests import BROKEN, is_right, request

IMAGES = (b"first picture", b"second picture", b"third picture")


def sent(numbers, broken_every):
    return [request(number, IMAGES, broken_every=broken_every, most_bytes=20) for number in numbers]


def test_one_in_a_hundred_is_broken_in_every_way():
    requests = sent(range(1000), 100)
    broken = [each for each in requests if each.image is None]
    assert len(broken) == 10
    assert Counter(each.code for each in broken) == {400: 6, 413: 2, 415: 2}
    assert {each.body[:4] for each in broken if each.code == 400} >= {b"", b"this"}
    assert all(len(each.body) == 21 for each in broken if each.code == 413)
    assert all(IMAGES[each.image] == each.body for each in requests if each.image is not None)


def test_without_broken_ones_all_are_whole():
    assert [each.image for each in sent(range(5), 0)] == [0, 1, 2, 0, 1]
    assert {each.code for each in sent(range(500), 0)} == {200}


def test_there_are_five_ways_to_be_broken():
    codes = {kind: make(b"a picture", 20).code for kind, make in BROKEN.items()}
    assert codes == {
        **{"empty": 400, "no image": 400, "cut off": 400},
        **{"too large": 413, "of another type": 415},
    }


ROWS = {"prediction": [[1.0, 0.9, 0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0, 0, 1, 1]]}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (ROWS, True),
        ({"prediction": [[1.0, 0.90005, 0.1, 0.2, 0.3, 0.4], ROWS["prediction"][1]]}, True),
        ({"prediction": [[1.0, 0.901, 0.1, 0.2, 0.3, 0.4], ROWS["prediction"][1]]}, False),
        ({"prediction": ROWS["prediction"][::-1]}, False),
        ({"prediction": ROWS["prediction"][:1]}, False),
        ({"prediction": []}, False),
        ({**ROWS, "more": 1}, False),
        (None, False),
    ],
)
def test_an_answer_is_right_when_all_its_rows_are(answer, right):
    assert is_right(answer, ROWS) is right


def test_no_object_is_an_answer_too():
    assert is_right({"prediction": []}, {"prediction": []})
