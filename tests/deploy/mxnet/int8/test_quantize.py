"""Quantising in this process: what is written, what it computes, and what is refused."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.agreement import Agreement
from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.int8.quantize import (
    MIN_ENTROPY_IMAGES,
    check_pair,
    prepare_detector,
    quantize_detector,
)
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names, with_onednn
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.pair import exported_files
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError, WeightsError
from tests.deploy.conftest import CLASSES, INPUT_HW, random_images

PAIRS = [(mode, dtype) for mode in ("none", "naive", "entropy") for dtype in ("auto", "int8")]
CONVOLUTIONS = 47  # 27 of the backbone, 8 of the extra layers, 12 heads
# Entropy cuts deep here: the distributions of random weights have no tails to spare.
LIKENESS = {"none": 0.9, "naive": 0.99, "entropy": 0.8}


def quantize(prefix, target, batches, *, input_size_hw=None, **options) -> Agreement:
    """Quantise the files of a prefix."""
    return quantize_detector(prepare_detector(prefix, input_size_hw), target, batches, **options)


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    return [random_images(5, seed=1), random_images(3, seed=2)]


@pytest.fixture(scope="module")
def written(zoo_prefix, batches, tmp_path_factory) -> dict[tuple[str, str], tuple[str, Agreement]]:
    """(mode, dtype) -> prefix of the quantised model and what was found out about it."""
    folder = tmp_path_factory.mktemp("int8")
    made = {}
    for mode, dtype in PAIRS:
        prefix = str(folder / mode / dtype)
        agreement = quantize(
            zoo_prefix, prefix, batches, mode=mode, dtype=dtype, input_size_hw=INPUT_HW
        )
        made[mode, dtype] = prefix, agreement
    return made


def heads(prefix: str, images: np.ndarray) -> list[np.ndarray]:
    model = load_deployed(prefix, input_size_hw=INPUT_HW)
    return [output.asnumpy() for output in model.run_heads(images)]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_convolution_is_quantised_and_the_decoding_is_not(written, pair):
    nodes = read_exported(written[pair][0]).graph.nodes()
    kinds = Counter(node.op for node in nodes if node.flag("quantized"))
    assert kinds == {"_sg_mkldnn_conv": CONVOLUTIONS}
    joint = max(number for number, node in enumerate(nodes) if node.flag("quantized"))
    after = {node.op for node in nodes[joint + 1 :]}
    assert not {op for op in after if "quantized" in op or op == "_contrib_quantize_v2"}


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_predictions_are_those_of_the_fp32_model_on_images_never_seen(written, pair, zoo_prefix):
    """Without the activations, which MXNet drops of fused layers without ranges, it is 0.1."""
    images = random_images(2, seed=9)
    for ours, exact in zip(heads(written[pair][0], images), heads(zoo_prefix, images), strict=True):
        assert np.corrcoef(ours.ravel(), exact.ravel())[0, 1] > LIKENESS[pair[0]]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_agreement_tells_of_all_images(written, pair):
    agreement = written[pair][1]
    assert agreement.num_images == 8
    assert agreement.num_detections > 100
    assert agreement.likeness > LIKENESS[pair[0]]
    assert 0.3 < agreement.matched < 1
    assert 0 < agreement.largest_score_difference < 0.6


def test_thresholds_are_written_in_except_where_ranges_are_measured_at_run_time(written):
    known = {
        mode: sum(
            "max_calib_range" in node.attrs
            for node in read_exported(written[mode, "auto"][0]).graph.nodes()
        )
        for mode in ("none", "naive", "entropy")
    }
    # One more is the image itself.
    assert known == {"none": 0, "naive": CONVOLUTIONS + 1, "entropy": CONVOLUTIONS + 1}


def test_dtype_is_that_of_the_incoming_image(written):
    for dtype in ("auto", "int8"):
        first = next(read_exported(written["naive", dtype][0]).graph.find("_contrib_quantize_v2"))
        assert first.attrs["out_type"] == dtype


def test_naive_range_of_the_image_is_its_least_and_largest_value(written, batches):
    first = next(read_exported(written["naive", "auto"][0]).graph.find("_contrib_quantize_v2"))
    low, high = min(b.min() for b in batches), max(b.max() for b in batches)
    assert first.number("min_calib_range", 0) == pytest.approx(low, abs=1e-4)
    assert first.number("max_calib_range", 0) == pytest.approx(high, abs=1e-4)


def test_the_record_of_the_model_is_kept(plain_export, batches, tmp_path):
    quantize(plain_export, str(tmp_path / "m"), batches, mode="naive")
    saved = read_exported(str(tmp_path / "m")).record
    assert saved == read_exported(plain_export).record
    assert saved.classes == CLASSES


def test_same_input_same_bytes(written, zoo_prefix, batches, tmp_path):
    again = str(tmp_path / "again")
    quantize(zoo_prefix, again, batches, mode="naive", input_size_hw=INPUT_HW)
    for ours, first in zip(
        exported_files(again), exported_files(written["naive", "auto"][0]), strict=True
    ):
        assert ours.read_bytes() == first.read_bytes()


def test_fused_export_can_be_quantised_too(fused_export, batches, tmp_path):
    agreement = quantize(fused_export, str(tmp_path / "m"), batches, mode="naive")
    assert agreement.likeness > 0.99


def test_excluded_layer_stays_in_float(zoo_prefix, batches, tmp_path):
    network = prepare_detector(zoo_prefix, INPUT_HW).network
    layer = next(name for name in layer_names(with_onednn(network, calibrated=True)))
    quantize(
        *(zoo_prefix, str(tmp_path / "m"), batches),
        mode="naive",
        excluded=[layer],
        input_size_hw=INPUT_HW,
    )
    graph = read_exported(str(tmp_path / "m")).graph
    kinds = Counter(node.flag("quantized") for node in graph.find("_sg_mkldnn_conv"))
    assert kinds == {True: CONVOLUTIONS - 1, False: 1}


def test_layers_have_the_names_they_have_before_fusing(zoo_prefix):
    network = prepare_detector(zoo_prefix, INPUT_HW).network
    before = {node.name for node in network.find("Convolution")}
    assert len(before) == CONVOLUTIONS
    for calibrated in (True, False):
        assert set(layer_names(with_onednn(network, calibrated=calibrated))) == before


# --- refused --------------------------------------------------------------------------------------


def refused(kind, match, prefix, folder: Path, batches, **changes) -> None:
    """Quantising fails with one line, and leaves the folder as it was."""
    before = sorted(folder.rglob("*"))
    options = {"mode": "naive", "input_size_hw": INPUT_HW, **changes}
    with pytest.raises(kind, match=match) as caught:
        quantize(str(prefix), str(folder / "m"), batches, **options)
    assert "\n" not in str(caught.value)
    assert sorted(folder.rglob("*")) == before


def test_uint8_is_refused_with_the_reason(zoo_prefix, batches, tmp_path):
    refused(OptionError, "images hold negative", zoo_prefix, tmp_path, batches, dtype="uint8")


@pytest.mark.parametrize(
    ("mode", "dtype", "match"),
    [
        ("best", "auto", "mode must be one of none, naive, entropy; got 'best'"),
        ("naive", "int4", "integer type must be one of auto, int8, uint8; got 'int4'"),
    ],
)
def test_unknown_words_are_refused(mode, dtype, match):
    with pytest.raises(OptionError, match=match):
        check_pair(mode, dtype)


def test_too_few_images_for_entropy_are_refused(zoo_prefix, batches, tmp_path):
    few = [batches[0][: MIN_ENTROPY_IMAGES - 1]]
    match = f"entropy needs at least {MIN_ENTROPY_IMAGES} calibration images, got {len(few[0])}"
    refused(OptionError, match, zoo_prefix, tmp_path, few, mode="entropy")


def test_no_image_is_refused(zoo_prefix, tmp_path):
    refused(OptionError, "at least 1 calibration images, got 0", zoo_prefix, tmp_path, [])


def test_int8_model_is_refused(int8_prefix, batches, tmp_path):
    refused(ModelError, "is quantised already", int8_prefix, tmp_path, batches)


def test_own_int8_model_is_refused(written, batches, tmp_path):
    refused(ModelError, "is quantised already", written["naive", "auto"][0], tmp_path, batches)


def test_model_fused_for_onednn_is_refused(zoo_prefix, batches, tmp_path):
    symbol = mx.sym.load(f"{zoo_prefix}-symbol.json").get_backend_symbol("MKLDNN")
    (tmp_path / "in").mkdir()
    symbol.save(str(tmp_path / "in" / "f-symbol.json"))
    shutil.copy(f"{zoo_prefix}-0000.params", tmp_path / "in" / "f-0000.params")
    refused(ModelError, "oneDNN's fusing", tmp_path / "in" / "f", tmp_path, batches)


def test_missing_model_is_refused(batches, tmp_path):
    refused(ModelError, "there is no file .*/x-symbol.json", tmp_path / "x", tmp_path, batches)


def changed_params(prefix: str, folder: Path, change) -> str:
    arrays = mx.nd.load(f"{prefix}-0000.params")
    change(arrays)
    mx.nd.save(str(folder / "c-0000.params"), arrays)
    shutil.copy(f"{prefix}-symbol.json", folder / "c-symbol.json")
    return str(folder / "c")


def test_weights_that_are_not_finite_are_refused(zoo_prefix, batches, tmp_path):
    name = next(n for n in mx.nd.load(f"{zoo_prefix}-0000.params") if n.endswith("conv3_weight"))

    def spoil(arrays) -> None:
        arrays[name][0] = np.nan

    prefix = changed_params(zoo_prefix, tmp_path, spoil)
    match = f"1 weights are not finite, the first is {name.removeprefix('arg:')}"
    refused(WeightsError, match, prefix, tmp_path, batches)


def test_parameters_of_another_model_are_refused(zoo_prefix, batches, tmp_path):
    prefix = changed_params(zoo_prefix, tmp_path, lambda arrays: arrays.popitem())
    refused(WeightsError, "c-0000.params does not fit", prefix, tmp_path, batches)


def test_size_that_nobody_tells_is_refused(zoo_prefix, batches, tmp_path):
    match = "does not carry its input size"
    refused(ModelError, match, zoo_prefix, tmp_path, batches, input_size_hw=None)


def test_unknown_layer_is_refused(zoo_prefix, batches, tmp_path):
    match = "there is no layer conv99 to keep in float; layers are "
    refused(ModelError, match, zoo_prefix, tmp_path, batches, excluded=["conv99"])


def test_folder_that_cannot_be_made_is_refused(zoo_prefix, batches, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot make the folder"):
        quantize(
            *(zoo_prefix, str(tmp_path / "file" / "m"), batches),
            mode="naive",
            input_size_hw=INPUT_HW,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_old_model_stays_when_the_new_one_is_refused(zoo_prefix, written, batches, tmp_path):
    for source, suffix in zip(
        exported_files(written["naive", "auto"][0]), ("symbol.json", "0000.params"), strict=True
    ):
        shutil.copy(source, tmp_path / f"m-{suffix}")
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    bad = [np.full_like(batches[0], np.nan)]
    refused(ModelError, "not finite", zoo_prefix, tmp_path, bad)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


@pytest.fixture(scope="module")
def detector():
    from gluon_ssd.families.build import build_network
    from gluon_ssd.models.detector import Detector
    from gluon_ssd.models.first_weights import initialize

    network = build_network("ssd_300_mobilenet0.25_custom", classes=CLASSES)
    initialize(network, seed=3)
    return Detector(network)


def _exported(detector, folder: Path, *, fused: bool) -> str:
    from gluon_ssd.deploy.mxnet.export import export_detector
    from gluon_ssd.models.record import ModelRecord

    saved = ModelRecord("ssd_300_mobilenet0.25_custom", CLASSES, INPUT_HW)
    export_detector(detector, str(folder / "m"), fused=fused, saved=saved)
    return str(folder / "m")


@pytest.fixture(scope="module")
def plain_export(detector, tmp_path_factory) -> str:
    return _exported(detector, tmp_path_factory.mktemp("plain"), fused=False)


@pytest.fixture(scope="module")
def fused_export(detector, tmp_path_factory) -> str:
    return _exported(detector, tmp_path_factory.mktemp("fused"), fused=True)
