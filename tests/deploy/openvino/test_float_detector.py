"""A float32 detector as OpenVINO reads it: names of layers, the decoding, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.errors import ModelError, OptionError
from tests.deploy.openvino_builders import write_tiny_ir
from tests.deploy.tiny_onnx import write_tiny
from tests.deploy.tune_builders import SIZE

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]


def read(path: str | Path):
    """The detector of a file; the package of the extra is imported here."""
    from gluon_ssd.deploy.openvino.float_detector import read_float_detector

    return read_float_detector(str(path))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny detector."""
    return read(write_tiny_ir(tmp_path_factory.mktemp("tiny")))


def test_facts_are_those_of_the_record(tiny) -> None:
    assert tiny.input_size_hw == (SIZE, SIZE) and tiny.image_shape == (3, SIZE, SIZE)
    assert tiny.classes == ("ant", "bee", "cat") and tiny.num_classes == 3
    assert f"{tiny.prefix}.xml" == tiny.path


def test_layers_are_those_with_weights(tiny) -> None:
    kinds = tiny.operators_by_type()
    counted = [*kinds["Convolution"], *kinds.get("GroupConvolution", ())]
    assert sorted(tiny.weighted) == sorted(counted) and len(counted) > 9
    assert all("/" not in name for name in tiny.layer_names())
    assert tuple(tiny.layer_names().values()) == tiny.weighted


def test_decoding_is_what_stands_behind_the_last_layers(tiny) -> None:
    assert {"scores", "offsets"} <= set(tiny.decoding)
    assert not set(tiny.decoding) & set(tiny.weighted)
    kinds = {each.get_friendly_name(): each.get_type_name() for each in tiny.network.get_ops()}
    assert {kinds[name] for name in tiny.decoding} <= {
        *("Add", "Concat", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Gather", "Identity")
    }
    in_front = [name for names in tiny.operators_by_type().values() for name in names]
    assert not set(in_front) & set(tiny.decoding)


def test_operators_are_found_by_both_names(tiny) -> None:
    layer, operator = next(iter(tiny.layer_names().items()))
    assert tiny.operators_named((layer,)) == tiny.operators_named((operator,)) == (operator,)


def test_unknown_layer_is_answered_by_the_known_ones(tiny) -> None:
    with pytest.raises(OptionError, match=r"has no layer 'nothing'; layers are \w+"):
        tiny.operators_named(("nothing",))


def test_memory_of_an_image_counts_every_value(tiny) -> None:
    assert tiny.bytes_per_image() > 4 * 3 * SIZE * SIZE


def test_onnx_file_is_the_same_detector(tmp_path: Path) -> None:
    found = read(write_tiny(tmp_path / "tiny.onnx"))
    assert found.classes == ("ant", "bee")


@pytest.mark.parametrize("form", ["zoo", "detections"])
def test_forms_with_detections_inside_are_refused(tmp_path: Path, form: str) -> None:
    path = write_tiny(tmp_path / "tiny.onnx", form=form)
    with pytest.raises(ModelError, match="is not in the raw form.*--form raw"):
        read(path)


def test_fixed_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="takes 4 images a call.*--batch-size 0"):
        read(write_tiny_ir(tmp_path, batch=4))


def test_batch_of_one_is_taken(tmp_path: Path) -> None:
    assert read(write_tiny_ir(tmp_path, batch=1)).num_classes == 3


def test_file_without_a_record_is_refused(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.onnx", record=None)
    with pytest.raises(ModelError, match="carries no record"):
        read(path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing.xml: No such file"):
        read(tmp_path / "nothing.xml")
