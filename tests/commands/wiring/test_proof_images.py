"""Options -> images for the proof."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.commands.wiring.proof_images import proof_images
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError

FORMAT = InputFormat((40, 60), mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))


def levels(images):
    planes = images.transpose(0, 2, 3, 1) * np.array(FORMAT.std) + np.array(FORMAT.mean)
    return planes * 255


def test_without_files_pictures_are_made_up():
    assert [batch.shape for batch in proof_images("", FORMAT)] == [(4, 3, 40, 60)] * 2


def test_pictures_of_a_folder(tmp_path):
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes BGR
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), red)
    batches = list(proof_images(str(tmp_path), FORMAT))
    assert [len(batch) for batch in batches] == [4, 1]
    np.testing.assert_allclose(levels(batches[1])[0, 0, 0], [255, 0, 0], atol=1e-3)


def test_a_broken_picture_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="a.png"):
        list(proof_images(str(tmp_path), FORMAT))


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="there is no file or folder .*none"):
        list(proof_images(str(tmp_path / "none"), FORMAT))
