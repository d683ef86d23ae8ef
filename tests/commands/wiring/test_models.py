from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.commands.wiring.models import (
    deployed_model,
    export_network_as,
    network_model,
    trained_network,
    wants_zoo_weights,
)
from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.detector import Detector
from gluon_ssd.options.shared import ModelOptions
from tests.entry_builders import NETWORK, sure_network, sure_weights

NMS = (0.45, 400, 100)


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
    model = network_model(network, nms=NMS, size=300, ctx=mx.cpu())
    assert (model.name, model.classes, model.size) == (NETWORK, ("cat", "dog"), 300)
    live = [output.asnumpy() for output in Detector(network)(mx.nd.array(images))]
    found = [output.asnumpy() for output in model.deployed.run(images)]
    assert found[0].shape == (2, 100, 1)
    strong = live[1][..., 0] > 0.6
    assert strong.sum() > 20
    np.testing.assert_array_equal(found[0][strong], live[0][strong])
    np.testing.assert_allclose(found[1][strong], live[1][strong], atol=1e-4)
    np.testing.assert_allclose(found[2][strong], live[2][strong], atol=0.05)


def test_classes_come_from_the_record_or_from_the_file(tmp_path):
    weights = str(sure_weights(tmp_path / "w.params", ("ant", "bee", "cow")))
    options = ModelOptions()
    assert trained_network(NETWORK, weights, classes_file="", options=options).classes == (
        "ant",
        "bee",
        "cow",
    )
    (tmp_path / "names.txt").write_text("cow\n")
    network = trained_network(
        NETWORK, weights, classes_file=str(tmp_path / "names.txt"), options=options
    )
    assert network.classes == ("cow",)
    old = sure_network(("ant", "bee", "cow")).class_predictors[0].predictor.bias.data().asnumpy()
    new = network.class_predictors[0].predictor.bias.data().asnumpy()
    np.testing.assert_array_equal(new.reshape(-1, 2), old.reshape(-1, 4)[:, [0, 3]])


def test_classes_the_weights_do_not_know_are_said_to_score_nothing(tmp_path, caplog):
    weights = str(sure_weights(tmp_path / "w.params", ("ant", "bee")))
    (tmp_path / "names.txt").write_text("bee\nfly\n")
    names = str(tmp_path / "names.txt")
    trained_network(NETWORK, weights, classes_file=names, options=ModelOptions())
    assert f"fly: these classes score about 0, since {weights} does not know them" in (
        caplog.messages
    )


def test_exported_size_wins_over_the_asked_one(tmp_path, caplog):
    prefix = str(tmp_path / "model")
    export_network_as(sure_network(), prefix, nms=NMS, size=300, fused=True)
    model = deployed_model(prefix, 512, fuse=True, ctx=mx.cpu())
    assert (model.name, model.size, model.classes) == ("deploy", 300, ("cat", "dog"))
    expected = f"{prefix} was exported for 300 pixels; --data-shape 512 is not used"
    assert expected in caplog.messages


def test_network_without_published_weights_says_so(tmp_path):
    message = r"no weights are published for ssd_300_mobilenet0.25_voc; give the path of a .params"
    with pytest.raises(WeightsError, match=message):
        options = ModelOptions(model_root=str(tmp_path))
        trained_network("ssd_300_mobilenet0.25_voc", "True", classes_file="", options=options)
