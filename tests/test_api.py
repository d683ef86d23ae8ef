"""The Python API on a runtime of NumPy alone, whose answers are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd import load
from gluon_ssd.deploy import runtime
from gluon_ssd.errors import DataError, OptionError
from tests.toy_runtime import TOY, write_toy

SIZE_HW = (40, 60)
CLASSES = ("red", "green", "blue")


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """Finds the one bright rectangle of a picture; its class is the strongest colour."""
    monkeypatch.setitem(runtime.RUNTIMES, "toy", TOY)
    write_toy(tmp_path / "toy", CLASSES, SIZE_HW)
    return load(tmp_path / "toy")


def picture(label: int, box=(6, 8, 30, 20), size_hw=SIZE_HW) -> np.ndarray:
    """A dark picture, RGB, with a rectangle in the colour of a class."""
    pixels = np.zeros((*size_hw, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2], label] = 255
    return pixels


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def test_a_file_an_array_and_a_folder_keep_their_order(detector, tmp_path):
    first = write(tmp_path / "z.png", picture(1))
    for name, label in (("b.png", 2), ("a.png", 0)):
        write(tmp_path / "folder" / name, picture(label))
    found = detector.predict([first, tmp_path / "folder", picture(2)[..., ::-1]], color="bgr")
    assert [result.names for result in found] == [["green"], ["red"], ["blue"], ["blue"]]
    assert [result.source[-5:] for result in found] == ["z.png", "a.png", "b.png", "array"]
    for result in found:
        np.testing.assert_array_equal(result.boxes_px, [[6, 8, 30, 20]])


def test_an_array_without_the_order_of_its_channels_is_refused(detector):
    with pytest.raises(OptionError, match='add color="rgb" .* or color="bgr"'):
        detector.predict(picture(0))


def test_a_missing_file_is_one_line(detector, tmp_path):
    with pytest.raises(DataError, match="there is no file or folder .*none.jpg"):
        detector.predict(tmp_path / "none.jpg")
