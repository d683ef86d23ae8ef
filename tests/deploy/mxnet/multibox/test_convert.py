"""Symbols of SageMaker and example/ssd give the rows that their own operator gives."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.class_count import class_count
from gluon_ssd.deploy.mxnet.compiled_suppression import PendingOutput
from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.model import deploy
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.deploy.mxnet.plain import PlainDetector
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.told import Told
from gluon_ssd.detection.preprocessing import Preprocessing
from gluon_ssd.detection.raw_decoding import RawDecoder
from gluon_ssd.errors import ModelError, WeightsError
from tests.multibox_material import BIG, TINY, assert_rows, by_operator, case, rows_as_fractions

SIZE_HW = (96, 96)
RAW = Told(Preprocessing("rgb_0_255"))
# One of each body and each form; the others take as long and show little more.
_IN_EVERY_RUN = (("sagemaker_resnet50_512_20", "training"), ("example_vgg16_300_20", "deploy"))
PUBLISHED = [
    pytest.param(name, form, marks=[] if (name, form) in _IN_EVERY_RUN else [pytest.mark.long])
    for name in BIG
    for form in ("training", "deploy")
]


@pytest.fixture(scope="module")
def tiny(shared_dir):
    return case(shared_dir, TINY)


@pytest.fixture(scope="module")
def prefixes(tiny, tmp_path_factory):
    """Form -> prefix."""
    folder = tmp_path_factory.mktemp("tiny")
    return {
        form: tiny.write(form, folder / form / "model_algo_1") for form in ("training", "deploy")
    }


def read(prefix, size_hw=SIZE_HW):
    return read_pair(prefix, told=RAW, input_size_hw=size_hw)


def raw_rows(exported, images, size_hw):
    """Decoded outside of MXNet, the first image in NumPy and the second in compiled loops."""
    plain = PlainDetector(exported, size_hw)
    logits, offsets = plain.raw_outputs(images)
    parts = detector_parts(exported)
    decode = RawDecoder(parts.record.decoding, parts.anchors, parts.num_classes, size_hw)
    rows = decode(logits, offsets)
    return rows[..., :1], rows[..., 1:2], rows[..., 2:]


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("form", ["training", "deploy"])
def test_rows_are_the_golden_ones(tiny, prefixes, form, fuse):
    model = load_detector(prefixes[form], input_size_hw=SIZE_HW, told=RAW, fuse=fuse)
    outputs = model.run(tiny.images())
    assert isinstance(outputs[0], PendingOutput) == fuse
    found = rows_as_fractions(outputs, SIZE_HW)
    of = "train" if form == "training" else "deploy"
    assert_rows(found, tiny.expected[f"{of}_rows"])
    assert [len(rows) for rows in found] == tiny.expected[f"{of}_kept"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), PUBLISHED)
def test_rows_of_published_networks_are_the_golden_ones(shared_dir, tmp_path, name, form):
    big = case(shared_dir, name)
    prefix = big.write(form, tmp_path / big.facts["prefix"])
    told = Told(Preprocessing("rgb_0_255"))
    model = load_detector(prefix, input_size_hw=(big.side, big.side), told=told)
    found = rows_as_fractions(model.run(big.images()), model.input_size_hw)
    of = "train" if form == "training" else "deploy"
    assert_rows(found, big.expected[f"{of}_rows"])
    for own, kept in zip(found, big.expected[f"{of}_kept"], strict=True):
        assert abs(len(own) - kept) <= 2  # the last of the candidates can change place
    assert model.num_classes == big.facts["num_classes"]


@pytest.mark.parametrize("number", range(13))
def test_every_setting_gives_what_the_operator_gives(tiny, tmp_path, number):
    variant = json.loads((tiny.folder / "variants.json").read_text())[number]
    size_hw = tuple(variant["image_hw"])
    prefix = tiny.write("deploy", tmp_path / "m", tiny.changed(variant["change"]))
    images = tiny.as_input(tiny.pixels(size_hw))
    expected = by_operator(prefix, images)
    assert [len(rows) for rows in expected] == variant["kept"]
    golden = np.load(tiny.folder / "variants.npz")[f"rows_{number}"]
    exported = read(prefix, size_hw)
    forms = {
        "fused": deploy(replace(exported, graph=exported.graph.copy())).run(images),
        "as written": deploy(replace(exported, graph=exported.graph.copy()), fuse=False).run(
            images
        ),
        "outside": raw_rows(exported, images, size_hw),
    }
    for name, outputs in forms.items():
        found = rows_as_fractions(outputs, size_hw)
        assert [len(rows) for rows in found] == variant["kept"], name
        for own, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(own[:, 0], wanted[:, 0])
            np.testing.assert_allclose(own[:, 1:], wanted[:, 1:], rtol=0, atol=1e-5)
        assert_rows(found, golden)


def test_candidates_without_suppression_stay_in_the_order_of_the_anchors(tiny, tmp_path):
    prefix = tiny.write(
        "deploy", tmp_path / "m", tiny.changed({"detection": {"nms_threshold": "0"}})
    )
    images = tiny.images()
    exported = read(prefix)
    ids, scores, _ = (o.asnumpy() for o in deploy(exported, fuse=False).run(images))
    (logits, _) = PlainDetector(exported, SIZE_HW).raw_outputs(images)
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    best = (powers / powers.sum(axis=2, keepdims=True))[..., 1:].max(axis=2)
    kept = ids[0, :, 0] >= 0
    np.testing.assert_allclose(scores[0, kept, 0], best[0][kept], atol=1e-6)
    assert (np.diff(scores[0, kept, 0]) > 0).any()


def test_the_record_says_what_the_symbol_does(prefixes):
    record = read(prefixes["deploy"]).record
    decoding = record.decoding
    assert (record.input_size_hw, record.classes) == (SIZE_HW, ("class0", "class1"))
    assert not record.has_names
    assert (record.mean, record.edge_px) == ((0.0,) * 3, 0)
    assert (decoding.nms_thresh, decoding.nms_topk, decoding.post_nms) == (0.45, 100, -1)
    assert decoding.one_class and decoding.clips and not decoding.per_class
    assert not (decoding.strict or decoding.score_strict)
    assert read(prefixes["training"]).record.decoding == replace(decoding, per_class=True)


def test_classes_are_counted_and_the_network_split(prefixes, tiny):
    exported = read(prefixes["training"])
    assert class_count(exported, {"data": (1, 3, *SIZE_HW)}) == 2
    model = deploy(exported)
    assert model.can_split
    images = tiny.images()
    for one, other in zip(
        model.run(images), model.run_decode(model.run_heads(images)), strict=True
    ):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())
    assert model.count_candidates(images).tolist() == [100, 100]


def test_a_suppression_over_all_classes_is_told(prefixes, caplog):
    read(prefixes["training"])
    assert "over all classes" not in caplog.text
    read(prefixes["deploy"])
    assert "suppresses over all classes (force_suppress)" in caplog.text
    assert "from 0.6248 mAP to 0.5973" in caplog.text


def test_weights_of_another_shape_are_named(tiny, tmp_path):
    changed = tiny.changed({"conv3": {"num_filter": "32"}})
    prefix = tiny.write("deploy", tmp_path / "m", changed)
    with pytest.raises(WeightsError, match=r"conv3_weight is \(64, 32, 3, 3\), needed \(32"):
        read(prefix)


def test_heads_that_do_not_go_together_are_refused(tiny, tmp_path):
    changed = tiny.changed({"relu3_anchors": {"ratios": "(1,2)"}})
    prefix = tiny.write("deploy", tmp_path / "m", changed)
    with pytest.raises(ModelError, match="which do not go together"):
        read(prefix)


def test_labels_of_training_are_not_asked_for(prefixes):
    exported = read_exported(prefixes["training"])
    assert exported.multibox is not None and "label" not in exported.graph.variables()
