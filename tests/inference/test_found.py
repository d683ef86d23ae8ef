from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from gluon_ssd.errors import DataError, EnvironmentProblem, OptionError
from gluon_ssd.inference.found import Found, FoundObject, class_names

PIXELS = np.arange(20 * 30 * 3, dtype=np.uint32).reshape(20, 30, 3).astype(np.uint8)
BOXES = [[2.0, 3.0, 12.5, 9.25], [29.0, 19.0, 30.0, 20.0], [30.0, 20.0, 30.0, 20.0]]


def found(num: int = 3, **changes) -> Found:
    fields = {
        "labels": np.array([1, 0, 5][:num], np.int64),
        "scores": np.array([0.875, 0.75, 0.5][:num], np.float32),
        "boxes_px": np.array(BOXES[:num], np.float32).reshape(-1, 4),
        "classes": ("cat", "dog"),
        "size_hw": (20, 30),
        "seconds": 0.0125,
        "source": "a.jpg",
        "frame": None,
        "read": lambda: PIXELS,
    }
    return Found(**{**fields, **changes})


def test_names_are_of_each_object():
    assert found().names == ["dog", "cat", "class 5"]
    assert found(classes=()).names == ["class 1", "class 0", "class 5"]
    assert found(0).names == []


def test_length_and_iteration():
    assert len(found()) == 3 and len(found(0)) == 0
    assert list(found(1)) == [FoundObject(1, "dog", 0.875, (2.0, 3.0, 12.5, 9.25))]
    assert list(found(0)) == []


def test_the_dictionary_is_json():
    content = found(1).to_dict()
    assert json.loads(json.dumps(content)) == content
    assert content == {
        "source": "a.jpg",
        "frame": None,
        "width": 30,
        "height": 20,
        "seconds": 0.0125,
        "detections": [
            {"label": 1, "class": "dog", "score": 0.875, "box_px": [2.0, 3.0, 12.5, 9.25]}
        ],
    }


def test_crops_hold_every_pixel_of_a_box_and_at_least_one():
    crops = found().crop()
    assert [crop.shape for crop in crops] == [(7, 11, 3), (1, 1, 3), (1, 1, 3)]
    np.testing.assert_array_equal(crops[0], PIXELS[3:10, 2:13])
    assert not np.shares_memory(crops[0], PIXELS)
    assert found(0).crop() == []


def test_drawing_leaves_the_picture_alone():
    before = PIXELS.copy()
    drawn = found().draw()
    assert drawn.shape == PIXELS.shape and (drawn != PIXELS).any()
    np.testing.assert_array_equal(PIXELS, before)
    np.testing.assert_array_equal(found(0).draw(), PIXELS)


def test_a_picture_may_be_handed_over():
    frame = found(1, read=None, frame=7, source="film.mp4")
    with pytest.raises(DataError, match="frame 7 of film.mp4 are not kept by predict; use stream"):
        frame.draw()
    np.testing.assert_array_equal(frame.draw(PIXELS), found(1).draw())
    with pytest.raises(OptionError, match=r"must be uint8 of shape \(20, 30, 3\); got uint8 of"):
        frame.crop(PIXELS[:5])


def test_passwords_of_cameras_are_not_shown():
    camera = "rtsp://me:secret@camera/1"
    with pytest.raises(DataError, match=r"frame 7 of rtsp://\*\*\*@camera/1 are not kept"):
        found(source=camera, frame=7, read=None).pixels()
    with pytest.raises(DataError, match=r"^rtsp://\*\*\*@camera/1 has changed"):
        found(source=camera, size_hw=(3, 4)).pixels()


def test_a_file_that_has_changed_is_told():
    with pytest.raises(DataError, match=r"a.jpg has changed .* it had \(20, 30\) pixels"):
        found(read=lambda: PIXELS[:9]).draw()


@pytest.mark.supervision
@pytest.mark.parametrize("num", [0, 3])
def test_supervision_gets_everything(num):
    theirs = found(num).to_supervision()
    assert len(theirs) == num
    np.testing.assert_array_equal(theirs.xyxy, found(num).boxes_px)
    np.testing.assert_array_equal(theirs.confidence, found(num).scores)
    np.testing.assert_array_equal(theirs.class_id, found(num).labels)
    assert theirs.data["class_name"].tolist() == found(num).names


def test_without_supervision_the_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(EnvironmentProblem, match="setup.sh --extras supervision"):
        found().to_supervision()


@pytest.mark.parametrize(
    ("own", "given", "count", "names"),
    [
        (("a", "b"), None, 2, ("a", "b")),
        (None, None, 2, ()),
        (None, ["a", "b"], 2, ("a", "b")),
        (("a", "b"), ["c", "d"], 2, ("c", "d")),
        (None, ["a"], None, ("a",)),
    ],
)
def test_names_of_classes(own, given, count, names):
    assert class_names(own, given, count) == names


def test_names_of_other_classes_are_refused():
    with pytest.raises(OptionError, match="the detector has 3 classes; got 2 names"):
        class_names(None, ["a", "b"], 3)


@pytest.mark.parametrize("given", [["dog", "cat"], ["dog", "cow"], ["cow", "cat"]])
def test_the_same_names_in_another_order_are_refused(given):
    with pytest.raises(OptionError, match="call class . ..., and the model says that ... is its"):
        class_names(["cat", "dog"], given, 2)
