"""Small detectors exported the way GluonCV does it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx

INPUT_HW = (128, 128)
CLASSES = ("ant", "bee", "cat", "dog")


def random_images(count: int, seed: int = 0) -> np.ndarray:
    """float32 (count, 3, 128, 128), smooth and of the size of normalised pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1.5, (count, 3, 16, 16)).astype(np.float32)
    return coarse.repeat(8, axis=2).repeat(8, axis=3)


def by_mxnet(prefix, images):
    """The symbol as MXNet's own loader runs it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        block = mx.gluon.SymbolBlock.imports(
            f"{prefix}-symbol.json", ["data"], f"{prefix}-0000.params"
        )
    block.hybridize()
    return [output.asnumpy() for output in block(mx.nd.array(images))]


def _initialise(network) -> None:
    rng = np.random.default_rng(7)
    for name, parameter in network.collect_params().items():
        if "anchor" in name:
            parameter.initialize()
            continue
        kind = "var" if name.endswith("var") else "gamma" if name.endswith("gamma") else "other"
        parameter.initialize(
            {"var": mx.init.One(), "gamma": mx.init.One()}.get(kind, mx.init.Zero())
        )
    network(mx.nd.zeros((1, 3, *INPUT_HW)))
    for name, parameter in network.collect_params().items():
        if "anchor" in name:
            continue
        shape = parameter.shape
        if name.endswith(("var", "gamma")):
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            value = rng.normal(0, 0.3, shape)
        else:
            value = rng.normal(0, np.sqrt(2.0 / np.prod(shape[1:])), shape)
            if "convpredictor" in name:
                value *= 2  # scores far apart, so that rounding does not swap detections
        parameter.set_data(mx.nd.array(value))


def make_network(minimal_opset: bool = False):
    """GluonCV's own network with weights that find something."""
    from gluoncv.model_zoo import get_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = get_model(
            "ssd_300_mobilenet0.25_custom", classes=list(CLASSES), pretrained_base=False
        )
    network.bbox_decoder._minimal_opset = minimal_opset
    _initialise(network)
    network.hybridize()
    network(mx.nd.array(random_images(1)))
    return network


def _export(network, folder: Path) -> str:
    network.export(str(folder / "model"))
    return str(folder / "model")


@pytest.fixture(scope="session")
def zoo_prefix(tmp_path_factory) -> str:
    """Prefix of a GluonCV detector of 4 classes for 128 pixels, as the zoo's custom nets are."""
    return _export(make_network(), tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="session")
def plain_zoo_prefix(tmp_path_factory) -> str:
    """The same, with the elementary operators GluonCV uses when zoo weights are asked for."""
    return _export(make_network(minimal_opset=True), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def int8_prefix(tmp_path_factory) -> str:
    """The first one quantised by MXNet, without calibration."""
    from mxnet.contrib.quantization import quantize_net

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = quantize_net(
            make_network(),
            quantized_dtype="auto",
            exclude_layers_match=["flatten", "concat"],
            data_shapes=[mx.io.DataDesc("data", (1, 3, *INPUT_HW))],
            calib_mode="none",
            ctx=mx.cpu(),
        )
    network.hybridize()
    network(mx.nd.array(random_images(1)))  # without it the parameter file would be empty
    return _export(network, tmp_path_factory.mktemp("int8"))
