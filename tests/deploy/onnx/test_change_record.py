"""Another record in an ONNX file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.errors import ModelError
from tests.deploy.tiny_onnx import tiny_images, write_tiny

pytestmark = pytest.mark.onnx


def test_the_record_changes_and_nothing_else(tmp_path):
    from gluon_ssd.deploy.onnx.change_record import change_record
    from gluon_ssd.deploy.onnx.model import load_onnx

    path = str(write_tiny(tmp_path / "t.onnx"))
    before = load_onnx(path)
    count = len(before.record.classes)
    changed = change_record(path, lambda record: replace(record, thresholds=(0.25,) * count))
    after = load_onnx(changed)
    assert after.record == replace(before.record, thresholds=(0.25,) * count)
    for ours, theirs in zip(before.run(tiny_images()), after.run(tiny_images()), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_file_without_record_is_refused_and_left_alone(tmp_path):
    from gluon_ssd.deploy.onnx.change_record import change_record

    path = write_tiny(tmp_path / "t.onnx", record=None)
    content = path.read_bytes()
    with pytest.raises(ModelError, match="carries no record"):
        change_record(str(path), lambda record: record)
    assert path.read_bytes() == content
    with pytest.raises(ModelError, match="cannot read"):
        change_record(str(tmp_path / "none.onnx"), lambda record: record)
