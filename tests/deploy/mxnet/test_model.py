from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import VARIABLE
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.errors import ModelError, WeightsError
from tests.deploy.conftest import CLASSES, INPUT_HW, by_mxnet, random_images

IMAGES = random_images(5, seed=2)


def arrays(outputs):
    return [output.asnumpy() for output in outputs]


@pytest.fixture(params=["zoo_prefix", "plain_zoo_prefix"])
def prefix(request):
    return request.getfixturevalue(request.param)


def test_unfused_model_equals_mxnet_bit_for_bit(prefix):
    model = load_deployed(prefix, input_size_hw=INPUT_HW, fuse=False)
    expected = by_mxnet(prefix, IMAGES)
    assert [output.shape for output in expected] == [(5, 100, 1), (5, 100, 1), (5, 100, 4)]
    assert (expected[0] >= 0).sum() > 100
    for one, other in zip(arrays(model.run(IMAGES)), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not model.is_fused and model.precision == "float32" and model.record is None


def test_fused_model_has_no_batch_norm_and_fixed_anchors(prefix):
    model = load_deployed(prefix, input_size_hw=INPUT_HW)
    operators = {node.op for node in model.graph.nodes()}
    assert not operators & {"BatchNorm", "slice_like", "_arange"}
    assert model.is_fused and model.onednn
    (anchors,) = [value for value in model.params.values() if value.shape[2:] == (4,)]
    assert anchors.shape[0] == 1 and anchors.shape[1] > 100


def test_fused_predictions_are_those_of_the_original(prefix):
    whole = load_deployed(prefix, input_size_hw=INPUT_HW, fuse=False)
    fused = load_deployed(prefix, input_size_hw=INPUT_HW)
    expected = arrays(whole.run(IMAGES))
    found = arrays(fused.run(IMAGES))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
    np.testing.assert_allclose(found[2], expected[2], atol=1e-3)


def test_batches_of_any_length_give_the_same_as_one_image_at_a_time(zoo_prefix):
    model = load_deployed(zoo_prefix, input_size_hw=INPUT_HW)
    pushed = [model.run(IMAGES[:4]), model.run(IMAGES[4:]), model.run(IMAGES[:2])]
    whole = [np.concatenate(parts) for parts in zip(*map(arrays, pushed), strict=True)]
    single = [arrays(model.run(IMAGES[i : i + 1])) for i in (0, 1, 2, 3, 4, 0, 1)]
    for one, parts in zip(whole, zip(*single, strict=True), strict=True):
        np.testing.assert_allclose(one, np.concatenate(parts), atol=1e-4)


def test_network_and_decoding_apart_equal_the_whole(prefix):
    model = load_deployed(prefix, input_size_hw=INPUT_HW)
    assert model.can_split
    whole = arrays(model.run(IMAGES))
    parts = arrays(model.run_decode(model.run_heads(IMAGES)))
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_unfused_decoding_cannot_be_run_apart_but_its_network_can(prefix):
    plain = load_deployed(prefix, input_size_hw=INPUT_HW, fuse=False)
    fused = load_deployed(prefix, input_size_hw=INPUT_HW)
    assert not plain.can_split
    predictions = plain.run_heads(IMAGES)
    for one, other in zip(arrays(predictions), arrays(fused.run_heads(IMAGES)), strict=True):
        rows = other.reshape(one.shape)
        np.testing.assert_allclose(one, rows, atol=1e-5 * np.abs(one).max())
    with pytest.raises(ModelError, match="cannot be run without its network"):
        plain.run_decode(predictions)


def test_quantised_model_keeps_its_arithmetic_and_gets_the_fast_decoder(int8_prefix):
    model = load_deployed(int8_prefix, input_size_hw=INPUT_HW)
    assert model.precision == "int8" and not model.onednn and model.can_split
    operators = [node.op for node in model.graph.nodes()]
    assert "topk" in operators and "_sg_mkldnn_conv" in operators
    for one, other in zip(arrays(model.run(IMAGES)), by_mxnet(int8_prefix, IMAGES), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("ending", ["-symbol.json", "-0000.params"])
def test_either_file_names_the_model_as_well_as_the_prefix(zoo_prefix, ending):
    assert load_deployed(zoo_prefix + ending, input_size_hw=INPUT_HW).name == zoo_prefix


def test_images_of_another_size_are_refused(zoo_prefix):
    model = load_deployed(zoo_prefix, input_size_hw=INPUT_HW)
    with pytest.raises(ModelError, match=r"takes images of \(128, 128\).*got \(128, 96\)"):
        model.run(np.zeros((1, 3, 128, 96), np.float32))


def test_size_that_the_symbol_cannot_take_is_one_line_and_prints_nothing(zoo_prefix, capfd):
    with pytest.raises(ModelError, match=r"cannot take images of shape .*exported for$") as caught:
        load_deployed(zoo_prefix, input_size_hw=(INPUT_HW[0], 4096))  # beyond its anchors
    assert caught.value.settings == ("data_shape",)
    assert capfd.readouterr().out == ""


def test_size_that_nobody_tells_is_refused(zoo_prefix):
    with pytest.raises(
        ModelError, match="does not carry its input size; give its height and width"
    ):
        load_deployed(zoo_prefix)


def test_missing_files_are_named(tmp_path, zoo_prefix):
    with pytest.raises(ModelError, match="there is no file .*nothing-symbol.json"):
        load_deployed(str(tmp_path / "nothing"))
    shutil.copy(f"{zoo_prefix}-symbol.json", tmp_path / "half-symbol.json")
    with pytest.raises(WeightsError, match="there is no file .*half-0000.params"):
        load_deployed(str(tmp_path / "half"))


@pytest.fixture
def copied(zoo_prefix, tmp_path) -> str:
    for ending in ("-symbol.json", "-0000.params"):
        shutil.copy(zoo_prefix + ending, tmp_path / f"copy{ending}")
    return str(tmp_path / "copy")


@pytest.mark.parametrize("length", [0, 10, 1000, 100_000])
def test_truncated_parameters_are_named(copied, length):
    path = Path(f"{copied}-0000.params")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match="copy-0000.params is no MXNet parameter file") as e:
        load_deployed(copied)
    assert "\n" not in str(e.value) and str(e.value).count(str(path)) == 1


def test_truncated_symbol_is_named(copied):
    path = Path(f"{copied}-symbol.json")
    path.write_text(path.read_text()[:-100])
    with pytest.raises(ModelError, match="copy-symbol.json is not valid JSON: ") as error:
        load_deployed(copied)
    assert "\n" not in str(error.value)


def test_symbol_with_unknown_operator_is_named(copied):
    path = Path(f"{copied}-symbol.json")
    path.write_text(path.read_text().replace('"softmax"', '"softermax"'))
    with pytest.raises(ModelError, match="copy-symbol.json is .*softermax") as error:
        load_deployed(copied, input_size_hw=INPUT_HW)
    assert "\n" not in str(error.value)


def test_parameters_of_another_network_are_listed(copied):
    path = f"{copied}-0000.params"
    values = mx.nd.load(path)
    names = sorted(name for name in values if "batchnorm0" in name or "convpredictor0" in name)
    for name in names:
        del values[name]
    mx.nd.save(path, values)
    with pytest.raises(WeightsError, match=f"{len(names)} of .* missing.*batchnorm0_gamma"):
        load_deployed(copied)


def test_parameters_of_another_shape_are_listed(copied):
    path = f"{copied}-0000.params"
    values = mx.nd.load(path)
    (name,) = [name for name in values if "convpredictor0_conv0_weight" in name]
    values[name] = mx.nd.zeros((30, *values[name].shape[1:]))
    mx.nd.save(path, values)
    with pytest.raises(WeightsError, match=r"convpredictor0_conv0_weight is \(30, .*needed \(20, "):
        load_deployed(copied, input_size_hw=INPUT_HW)


def test_arrays_without_names_are_refused(copied):
    mx.nd.save(f"{copied}-0000.params", [mx.nd.zeros(3)])
    with pytest.raises(WeightsError, match="holds 1 arrays without names"):
        load_deployed(copied)


def test_symbol_without_image_input_is_refused(copied):
    symbol = mx.sym.var("other") * 2
    Path(f"{copied}-symbol.json").write_text(symbol.tojson())
    with pytest.raises(ModelError, match="has no input called data"):
        load_deployed(copied)


def test_symbol_that_is_no_detector_is_refused(copied):
    Path(f"{copied}-symbol.json").write_text((mx.sym.var("data") * 2).tojson())
    with pytest.raises(ModelError, match="has 1 outputs; a detector has three"):
        load_deployed(copied, input_size_hw=INPUT_HW)


def test_real_model_keeps_every_bit_without_padding_operators(shared_dir):
    prefix = str(shared_dir / "weights" / "ssd_300_mobilenet0.75_voc")
    if not Path(f"{prefix}-symbol.json").exists():
        pytest.skip(f"{prefix}-symbol.json is missing")
    images = np.random.default_rng(0).normal(0, 1, (2, 3, 300, 300)).astype(np.float32)
    plain = load_deployed(prefix, input_size_hw=(300, 300), fuse=False)
    fused = load_deployed(prefix, input_size_hw=(300, 300))
    assert json.loads(Path(f"{prefix}-symbol.json").read_text())["heads"]
    assert "Pad" in {node.op for node in plain.graph.nodes() if node.op != VARIABLE}
    assert "Pad" not in {node.op for node in fused.graph.nodes()}
    for one, other in zip(arrays(fused.run(images)), arrays(plain.run(images)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("fuse", [False, True])
def test_candidates_are_the_scores_above_the_threshold_up_to_topk(zoo_prefix, fuse):
    model = load_deployed(zoo_prefix, input_size_hw=INPUT_HW, fuse=fuse)
    images = random_images(3)
    # One image whose scores are all much alike, and two with clear background.
    images[0] = 0
    logits = load_deployed(zoo_prefix, input_size_hw=INPUT_HW).run_heads(images)[0]
    scores = mx.nd.softmax(logits.reshape((3, -1, len(CLASSES) + 1)), axis=-1).asnumpy()
    above = (scores[:, :, 1:] > 0.01).sum(axis=(1, 2))
    assert model.count_candidates(images) == pytest.approx(np.minimum(above, 400), abs=1)
    assert len(set(above)) > 1


def test_a_graph_without_suppression_does_not_tell(zoo_prefix):
    model = load_deployed(zoo_prefix, input_size_hw=INPUT_HW)
    model.graph.heads = model._halves.network.heads
    assert model.count_candidates(random_images(1)) is None
