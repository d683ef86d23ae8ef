from __future__ import annotations

from dataclasses import replace

import pytest

from gluon_ssd.deploy.mxnet.class_count import class_count
from gluon_ssd.deploy.mxnet.files import read_exported, write_exported
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.record import ModelRecord
from tests.deploy.conftest import CLASSES, INPUT_HW

SHAPES = {"data": (1, 3, *INPUT_HW)}


@pytest.mark.parametrize("names", [None, CLASSES], ids=["no record", "its record"])
def test_the_count_of_graph_and_record(zoo_prefix, names):
    record = names and ModelRecord("x", names, INPUT_HW)
    exported = replace(read_exported(zoo_prefix), record=record)
    assert class_count(exported, SHAPES) == len(CLASSES) == 4


@pytest.mark.parametrize("names", [CLASSES[1:], (*CLASSES, "elk")], ids=["fewer", "more"])
@pytest.mark.parametrize("use", [load_deployed, prepare_detector], ids=["run", "calibrate"])
def test_a_record_of_another_number_is_refused_with_both_counts(zoo_prefix, tmp_path, names, use):
    record = ModelRecord("x", names, INPUT_HW)
    exported = replace(read_exported(zoo_prefix), record=record)
    expected = rf"scores of 4 classes, and its record names {len(names)} \({names[0]}, "
    with pytest.raises(WeightsError, match=expected):
        detector_parts(exported)
    write_exported(replace(read_exported(zoo_prefix), record=record), str(tmp_path / "m"))
    with pytest.raises(WeightsError, match=expected):
        use(str(tmp_path / "m"))
