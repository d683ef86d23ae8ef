from __future__ import annotations

import json

import pytest

from gluon_ssd.serving.contract import (
    JSON,
    JSON_LINES,
    OWN,
    Refused,
    check_content_type,
    check_magic,
    form_for,
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("Application/JSON", JSON),
        ("application/jsonlines", JSON_LINES),
        (OWN, OWN),
        (f"{JSON};q=0.5, {OWN}", OWN),
        (f"{OWN};q=0.2, */*;q=0.1", OWN),
        (f"text/html, {JSON};q=0.9", JSON),
        ("application/json;q=high", JSON),
        (f"{JSON};q=0, */*", JSON_LINES),
    ],
)
def test_the_answer_has_the_form_that_is_liked_best(accept, form):
    assert form_for(accept) == form


@pytest.mark.parametrize("accept", ["text/html", "image/*", f"{JSON};q=0", "x"])
def test_a_caller_that_takes_none_of_them_is_told_which_there_are(accept):
    with pytest.raises(Refused) as caught:
        form_for(accept)
    assert caught.value.status == 406
    assert all(form in caught.value.reason for form in (JSON, JSON_LINES, OWN))


@pytest.mark.parametrize(
    "kind", [None, "", "image/jpeg", "IMAGE/PNG; x=y", "application/x-image", " image/jpg"]
)
def test_types_of_images_are_taken(kind):
    check_content_type(kind)


def test_another_type_is_refused_in_one_line():
    with pytest.raises(Refused) as caught:
        check_content_type("text/csv\n" + "x" * 5000)
    assert caught.value.status == 415 and "image/jpeg" in caught.value.reason
    assert "\n" not in caught.value.reason and len(caught.value.reason) < 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "is empty"), (b"GIF89a....", "neither as a JPEG nor as a PNG"), (b"\xff", "no image")],
)
def test_other_bodies_reach_no_decoder(body, reason):
    with pytest.raises(Refused) as caught:
        check_magic(body)
    assert caught.value.status == 400 and reason in caught.value.reason


def test_a_refusal_is_json_and_says_when_to_come_again():
    refused = Refused(503, "full", retry_s=3)
    assert json.loads(refused.body) == {"error": {"code": 503, "reason": "full"}}
    assert refused.headers == {"Retry-After": "3"}
    assert Refused(400, "a\nb").headers == {}
    assert Refused(400, "a\nb").reason == r"a\nb"
