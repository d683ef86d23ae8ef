from __future__ import annotations

import io
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gluon_ssd.api import Detector
from gluon_ssd.errors import ModelError
from gluon_ssd.inference.batches import Detecting, SharedModel
from gluon_ssd.inference.endpoint_json import endpoint_json
from gluon_ssd.serving.computing import Request
from gluon_ssd.serving.contract import FORMS, JSON, OWN, Refused
from gluon_ssd.serving.limits import ServeLimits
from scripts.fuzzing.mutations.blocks import damage
from tests.inference.builders import CLASSES, bright, toy_model
from tests.inference.test_batches import Counting
from tests.serving.builders import JPEG, PNG, computing_of, encoded

pytestmark = pytest.mark.serve


def with_warning() -> bytes:
    """A JPEG of which libjpeg warns: two bytes of its packed data are others."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = bytearray(encoded(noise, "JPEG"))
    middle = len(content) // 2
    content[middle : middle + 2] = b"\xff\xd3"  # a restart where there is none
    return bytes(content)


def test_every_form_says_what_predict_finds(tmp_path):
    pictures = [
        encoded(bright(label, size_hw=size)) for label, size in ((0, (40, 60)), (2, (80, 90)))
    ]
    expected = Detector(toy_model(tmp_path)).predict(pictures, threshold=0.0)
    for form in FORMS:
        answers = computing_of(tmp_path)([Request(picture, form) for picture in pictures])
        for answer, found in zip(answers, expected, strict=True):
            wanted = found.to_dict() if form == OWN else endpoint_json(found)
            got = json.loads(answer)
            assert {**got, "seconds": 0} == {**wanted, "seconds": 0}
            assert got.get("seconds", 1) > 0


def test_a_picture_that_cannot_be_used_spoils_no_other(tmp_path):
    bodies = [b"", PNG, JPEG[:200], b"GIF89a", PNG]
    answers = computing_of(tmp_path)([Request(body, JSON) for body in bodies])
    refused = {
        number: answer for number, answer in enumerate(answers) if isinstance(answer, Refused)
    }
    assert {number: answer.status for number, answer in refused.items()} == {0: 400, 2: 400, 3: 400}
    assert "cut off" in refused[2].reason and "of the request" in refused[2].reason
    assert answers[1] == answers[4] and len(json.loads(answers[1])["prediction"]) == 1


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path):
    computing = computing_of(tmp_path, ServeLimits(max_pixels=2399))
    (answer,) = computing([Request(PNG, JSON)])
    assert isinstance(answer, Refused) and answer.status == 413
    assert "60 x 40 pixels, allowed are 2399" in answer.reason


def test_photos_are_turned_as_their_tag_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(file, "JPEG", exif=exif)
    (answer,) = computing_of(tmp_path)([Request(file.getvalue(), OWN)])
    assert (json.loads(answer)["width"], json.loads(answer)["height"]) == (40, 60)


@pytest.mark.parametrize("refuses", [False, True])
def test_damaged_jpegs_are_counted_and_refused_when_asked(tmp_path, refuses):
    computing = computing_of(tmp_path, ServeLimits(refuses_damaged=refuses))
    (answer,) = computing([Request(with_warning(), JSON)])
    assert b"\nssd_damaged_images_total 1.0\n" in computing.metrics.text()
    assert isinstance(answer, Refused) == refuses
    if refuses:
        assert answer.status == 400 and "damaged" in answer.reason


def test_a_model_that_fails_is_one_line_for_all_of_its_batch(tmp_path, monkeypatch, caplog):
    computing = computing_of(tmp_path)

    def fail(images):
        raise ModelError("it cannot compute that")

    monkeypatch.setattr(computing.detecting.shared, "run", fail)
    answers = computing([Request(PNG, JSON), Request(b"", JSON), Request(PNG, JSON)])
    assert [answer.status for answer in answers] == [500, 400, 500]
    assert answers[0].reason == "the model cannot compute this; the log says more"
    assert caplog.messages == ["it cannot compute that"]


def test_no_memory_for_a_picture_is_no_fault_of_the_caller(tmp_path, monkeypatch):
    def fail(*args, **options):
        raise MemoryError

    monkeypatch.setattr("gluon_ssd.serving.computing.decode_image", fail)
    (answer,) = computing_of(tmp_path)([Request(PNG, JSON)])
    assert (answer.status, answer.retry_s) == (503, 5)


def test_damaged_bodies_end_in_an_answer_or_a_refusal(tmp_path):
    draw = random.Random(5)
    computing = computing_of(tmp_path, ServeLimits(max_pixels=10_000))
    bodies = [damage(draw, draw.choice((PNG, JPEG)))[0] for _ in range(200)]
    answers = computing([Request(body, JSON) for body in bodies])
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert 20 < len(refused) < 200 and {answer.status for answer in refused} <= {400, 413}
    found = [json.loads(answer) for answer in answers if isinstance(answer, bytes)]
    assert all(answer.keys() == {"prediction"} for answer in found)


def test_every_length_of_a_batch_is_tried_before_the_first_request(tmp_path):
    model = Counting()
    detecting = Detecting(SharedModel(model), CLASSES, 3, 0.0, keeps_pixels=False)
    replace(computing_of(tmp_path), detecting=detecting).warm_up()
    assert model.lengths == [1, 2, 3]
