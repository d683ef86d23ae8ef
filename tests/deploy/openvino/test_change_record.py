"""Another record in a graph of OpenVINO."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.errors import ModelError
from tests.deploy.openvino_builders import write_tiny_ir

pytestmark = pytest.mark.openvino


def test_the_record_changes_and_nothing_else(tmp_path):
    from gluon_ssd.deploy.openvino.change_record import change_record
    from gluon_ssd.deploy.openvino.model import load_openvino

    path = write_tiny_ir(tmp_path)
    weights = Path(path).with_suffix(".bin").read_bytes()
    before = load_openvino(path)
    images = np.random.default_rng(1).normal(size=(1, 3, *before.input_size_hw)).astype(np.float32)
    own = before.run(images)
    count = len(before.record.classes)
    after = load_openvino(
        change_record(path, lambda record: replace(record, thresholds=(0.25,) * count))
    )
    assert after.record == replace(before.record, thresholds=(0.25,) * count)
    for ours, theirs in zip(own, after.run(images), strict=True):
        assert np.array_equal(ours, theirs)
    assert Path(path).with_suffix(".bin").read_bytes() == weights


def test_a_graph_without_record_is_refused_and_left_alone(tmp_path):
    from gluon_ssd.deploy.openvino.change_record import change_record

    path = tmp_path / "g.xml"
    path.write_text("<net><rt_info/></net>")
    with pytest.raises(ModelError, match="carries no record"):
        change_record(str(path), lambda record: record)
    assert path.read_text() == "<net><rt_info/></net>"
