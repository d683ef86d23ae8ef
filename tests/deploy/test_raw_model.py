"""Detectors whose decoding is done here: what comes out of the network fits what went in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gluon_ssd.deploy.raw_model import RawModel
from gluon_ssd.errors import ModelError
from tests.deploy.tiny_onnx import ANCHORS, RECORD, SIZE_HW, tiny_images


@dataclass
class Rows(RawModel):
    """It answers for a number of images, whatever it is given."""

    rows: int
    name: str = "m.xml"
    record: object = RECORD
    anchors: object = None
    device: str = "cpu"
    threads: int = 1
    num_classes: int | None = 2
    input_size_hw: tuple[int, int] = SIZE_HW

    def raw_outputs(self, images):
        return np.zeros((self.rows, 4, 3), np.float32), np.zeros((self.rows, 4, 4), np.float32)


def test_outputs_of_as_many_images_are_decoded():
    ids, scores, boxes = Rows(3, anchors=ANCHORS).run(tiny_images())
    assert (ids.shape[0], scores.shape[0], boxes.shape[0]) == (3, 3, 3)


@pytest.mark.parametrize("rows", [0, 2, 4])
def test_outputs_of_another_number_of_images_are_refused(rows):
    with pytest.raises(ModelError, match=rf"of 3 images it makes outputs of {rows} and {rows}"):
        Rows(rows, anchors=ANCHORS).run_heads(tiny_images())
