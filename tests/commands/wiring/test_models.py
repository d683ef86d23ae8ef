from __future__ import annotations

import dataclasses
import os
import tempfile

import numpy as np
import pytest

from gluon_ssd.commands.wiring.exported import deployed_model
from gluon_ssd.commands.wiring.models import (
    export_network_as,
    network_model,
    trained_network,
    wants_zoo_weights,
)
from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import write_exported
from gluon_ssd.deploy.mxnet.int8.shipped_graphs import shipped_int8
from gluon_ssd.deploy.mxnet.model import deploy, load_deployed
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError, OptionError, WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import spec_of
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.options.shared import ModelOptions
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from tests.entry_builders import NETWORK, sure_network, sure_weights

DECODING = Decoding()
SPEC = spec_of(NETWORK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("True", True), ("true", True), ("1", True), ("yes", True), ("T", True)]
    + [("False", False), ("on", False), ("best.params", False), ("", False)],
)
def test_pretrained_is_read_as_legacy_does(text, expected):
    assert wants_zoo_weights(text) is expected


@pytest.fixture(scope="module")
def images():
    coarse = np.random.default_rng(5).normal(0, 1, (2, 3, 15, 15)).astype(np.float32)
    return coarse.repeat(20, axis=2).repeat(20, axis=3)


def test_compiled_network_detects_what_the_live_one_does(images):
    network = sure_network()
    model = network_model(network, decoding=DECODING, input_size_hw=(300, 300), device="cpu")
    assert (model.name, model.classes) == (NETWORK, ("cat", "dog"))
    assert model.input_size_hw == (300, 300)
    live = [output.asnumpy() for output in Detector(network)(mx.nd.array(images))]
    found = [output.asnumpy() for output in model.run(images)]
    assert found[0].shape == (2, 100, 1)
    strong = live[1][..., 0] > 0.6
    assert strong.sum() > 20
    np.testing.assert_array_equal(found[0][strong], live[0][strong])
    np.testing.assert_allclose(found[1][strong], live[1][strong], atol=1e-4)
    np.testing.assert_allclose(found[2][strong], live[2][strong], atol=0.05)


def same_bits(one, other, images):
    """Both models give the same predictions and detections, to the last bit."""
    for method in ("run", "run_heads"):
        pairs = zip(getattr(one, method)(images), getattr(other, method)(images), strict=True)
        for found, expected in pairs:
            np.testing.assert_array_equal(found.asnumpy(), expected.asnumpy())


@pytest.mark.parametrize("size", [300, 256])
def test_model_made_in_memory_is_that_of_an_export(size, tmp_path):
    network, prefix = sure_network(), str(tmp_path / "model")
    export_network_as(network, prefix, decoding=DECODING, input_size_hw=(size, size), fused=False)
    images = np.random.default_rng(1).normal(0, 1, (2, 3, size, size)).astype(np.float32)
    written = load_deployed(prefix)
    made = network_model(network, decoding=DECODING, input_size_hw=(size, size), device="cpu")
    assert made.record == written.record
    same_bits(made, written, images)
    if has_bfloat16(cpu_flags()):
        same_bits(made.in_precision("bfloat16"), written.in_precision("bfloat16"), images)


def test_int8_model_made_in_memory_is_that_of_files(tmp_path):
    network = build_network("ssd_512_mobilenet1.0_voc")
    initialize(network, seed=5)
    write_exported(shipped_int8(network), str(tmp_path / "int8"))
    made = deploy(shipped_int8(network), device="cpu")
    written = load_deployed(str(tmp_path / "int8"))
    assert (made.precision, made.name) == ("int8", "ssd_512_mobilenet1.0_voc_int8")
    assert made.record == written.record
    images = np.random.default_rng(0).normal(0, 1, (1, 3, 512, 512)).astype(np.float32)
    same_bits(made, written, images)


def test_model_made_in_memory_writes_nothing(tmp_path, monkeypatch):
    network = sure_network()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def refuse(*_, **__):
        raise AssertionError("something is written to disk")

    for owner, name in (
        (tempfile, "mkdtemp"),
        (tempfile, "TemporaryFile"),
        (mx.nd, "save"),
        (mx.sym.Symbol, "save"),
        (mx.gluon.HybridBlock, "export"),
        (os, "replace"),
    ):
        monkeypatch.setattr(owner, name, refuse)
    model = network_model(network, decoding=DECODING, input_size_hw=(300, 300), device="cpu")
    model.run(np.zeros((1, 3, 300, 300), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_classes_come_from_the_record_or_from_the_file(tmp_path):
    weights = str(sure_weights(tmp_path / "w.params", ("ant", "bee", "cow")))
    options = ModelOptions()
    assert trained_network(SPEC, weights, classes_file="", options=options).classes == (
        "ant",
        "bee",
        "cow",
    )
    (tmp_path / "names.txt").write_text("cow\n")
    network = trained_network(
        SPEC, weights, classes_file=str(tmp_path / "names.txt"), options=options
    )
    assert network.classes == ("cow",)
    old = sure_network(("ant", "bee", "cow")).class_predictors[0].predictor.bias.data().asnumpy()
    new = network.class_predictors[0].predictor.bias.data().asnumpy()
    np.testing.assert_array_equal(new.reshape(-1, 2), old.reshape(-1, 4)[:, [0, 3]])


def test_classes_the_weights_do_not_know_are_said_to_score_nothing(tmp_path, caplog):
    weights = str(sure_weights(tmp_path / "w.params", ("ant", "bee")))
    (tmp_path / "names.txt").write_text("bee\nfly\n")
    names = str(tmp_path / "names.txt")
    trained_network(SPEC, weights, classes_file=names, options=ModelOptions())
    assert f"fly: these classes score about 0, since {weights} does not know them" in (
        caplog.messages
    )


def test_the_size_of_an_export_is_its_own_and_another_one_is_refused(tmp_path):
    prefix = str(tmp_path / "model")
    export_network_as(
        sure_network(), prefix, decoding=DECODING, input_size_hw=(300, 300), fused=True
    )
    with pytest.raises(OptionError, match="^--data-shape 512 does not fit .* for 300 pixels"):
        deployed_model(prefix, (512, 512), device="cpu")
    model = deployed_model(prefix, None, device="cpu", network="mobilenet0.25")
    assert (model.name, model.classes) == (prefix, ("cat", "dog"))
    assert model.input_size_hw == (300, 300)


def test_a_network_of_other_input_is_refused():
    network = sure_network()
    network.spec = dataclasses.replace(network.spec, channel_order="BGR")
    assert network.record().channel_order == "BGR"
    with pytest.raises(ModelError, match="has channel_order 'BGR'; images are prepared with 'RGB'"):
        network_model(network, decoding=DECODING, input_size_hw=(300, 300), device="cpu")


def test_network_without_published_weights_says_so(tmp_path):
    message = r"no weights of ssd_300_mobilenet0.25_voc are fetched; give the path of a .params"
    with pytest.raises(WeightsError, match=message):
        options = ModelOptions(model_root=str(tmp_path))
        trained_network(
            spec_of("ssd_300_mobilenet0.25_voc"), "True", classes_file="", options=options
        )
