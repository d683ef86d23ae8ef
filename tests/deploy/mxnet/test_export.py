from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.export import export_detector
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.errors import EnvironmentProblem, WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.record import ModelRecord
from tests.conftest import ROOT
from tests.deploy.conftest import CLASSES, INPUT_HW, random_images

IMAGES = random_images(3, seed=4)
SAVED = ModelRecord(
    name="ssd_300_mobilenet0.25_custom",
    classes=CLASSES,
    input_size_hw=INPUT_HW,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.2, 0.2),
)


@pytest.fixture(scope="module")
def detector():
    network = build_network(SAVED.name, classes=CLASSES)
    initialize(network)
    return Detector(network)


def arrays(outputs):
    return [output.asnumpy() for output in outputs]


@pytest.mark.parametrize("fused", [False, True])
def test_written_symbol_gives_what_the_network_gives(fused, detector, tmp_path):
    prefix = str(tmp_path / "new" / "model")
    export_detector(detector, prefix, fused=fused, saved=SAVED)
    assert sorted(os.listdir(tmp_path / "new")) == ["model-0000.params", "model-symbol.json"]
    model = load_deployed(prefix, fuse=False)
    expected = arrays(detector.network(mx.nd.array(IMAGES)))
    batch = len(IMAGES)
    for one, other in zip(arrays(model.run_heads(IMAGES)), expected[:2], strict=True):
        one = one.reshape(batch, -1)
        np.testing.assert_allclose(
            one, other.reshape(batch, -1), atol=1e-5 * np.abs(one).max(), rtol=0
        )
    if not fused:
        for one, other in zip(
            arrays(model.run(IMAGES)), arrays(detector(mx.nd.array(IMAGES))), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_the_same_network_is_the_same_files_in_every_process(tmp_path):
    """Initialisers and the like, named by their place in memory, would make them differ."""
    code = (
        "import sys\n"
        "from gluon_ssd.deploy.mxnet.export import export_detector\n"
        "from gluon_ssd.families.build import build_network\n"
        "from gluon_ssd.models.detector import Detector\n"
        "from gluon_ssd.models.first_weights import initialize\n"
        "from tests.deploy.mxnet.test_export import CLASSES, SAVED\n"
        "network = build_network(SAVED.name, classes=CLASSES)\n"
        "initialize(network)\n"
        "for fused in (False, True):\n"
        "    prefix = f'{sys.argv[1]}/{fused}'\n"
        "    export_detector(Detector(network), prefix, fused=fused, saved=SAVED)\n"
    )
    for run in ("one", "other"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / run)], cwd=ROOT, check=True)
    names = sorted(os.listdir(tmp_path / "one"))
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_fused_symbol_has_no_batch_norm_left(detector, tmp_path):
    prefix = str(tmp_path / "model")
    export_detector(detector, prefix, fused=True, saved=SAVED)
    operators = {
        node["op"] for node in json.loads((tmp_path / "model-symbol.json").read_text())["nodes"]
    }
    assert "BatchNorm" not in operators and "slice_like" not in operators
    assert not any("running_var" in name for name in mx.nd.load(f"{prefix}-0000.params"))


def test_classes_size_and_normalisation_travel_with_the_symbol(detector, tmp_path):
    prefix = str(tmp_path / "model")
    export_detector(detector, prefix, fused=True, saved=SAVED)
    model = load_deployed(prefix)
    assert model.record == SAVED
    assert model.input_size_hw == INPUT_HW


def test_plain_mxnet_loads_the_files(detector, tmp_path):
    prefix = str(tmp_path / "model")
    export_detector(detector, prefix, fused=False, saved=SAVED)
    symbol = mx.sym.load(f"{prefix}-symbol.json")
    names = {name.split(":")[1] for name in mx.nd.load(f"{prefix}-0000.params")}
    needed = symbol.list_arguments() + symbol.list_auxiliary_states()
    assert set(needed) - names == {"data"}


def test_weights_that_are_not_finite_are_refused_and_nothing_is_left(tmp_path):
    network = build_network(SAVED.name, classes=CLASSES)
    initialize(network)
    weight = network.class_predictors[0].predictor.weight
    network(mx.nd.zeros((1, 3, *INPUT_HW)))
    values = weight.data()
    values[0] = np.nan
    with pytest.raises(WeightsError, match="1 weights are not finite, the first is .*conv"):
        export_detector(Detector(network), str(tmp_path / "model"), fused=False, saved=SAVED)
    assert os.listdir(tmp_path) == []


def test_full_disk_is_one_line_and_keeps_the_earlier_files(detector, tmp_path, monkeypatch):
    (tmp_path / "model-symbol.json").write_text("earlier")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(EnvironmentProblem, match="cannot write .*model: the disk is full"):
        export_detector(detector, str(tmp_path / "model"), fused=False, saved=SAVED)
    assert os.listdir(tmp_path) == ["model-symbol.json"]
    assert (tmp_path / "model-symbol.json").read_text() == "earlier"


def test_folder_that_is_a_file_is_one_line(detector, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="file"):
        export_detector(detector, str(tmp_path / "file" / "model"), fused=False, saved=SAVED)
