"""Options -> a model that detects: a zoo network or an exported symbol, run the same way."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gluon_ssd.commands.wiring.published_weights import zoo_weights
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.deploy.mxnet.export import export_detector
from gluon_ssd.deploy.mxnet.int8.shipped_graphs import export_zoo_int8
from gluon_ssd.deploy.mxnet.model import DeployedModel, load_deployed
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import int8_form
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.interface import Network
from gluon_ssd.models.params_file import read_params, some_of
from gluon_ssd.models.record import read_sidecar, sidecar_path
from gluon_ssd.models.spec import Spec
from gluon_ssd.models.weights import load_parameters
from gluon_ssd.options.shared import ModelOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A detector ready to run.

    Attributes:
        name: as printed by the legacy benchmark: the network's name, or "deploy".
        deployed: the compiled graph.
        classes: foreground names, or None for a symbol that does not carry them.
        size: side of the square input, px.
        mean, std: normalisation of RGB in [0, 1].
    """

    name: str
    deployed: DeployedModel
    classes: tuple[str, ...] | None
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU."""
        return bool(self.deployed.ctx.device_type == "gpu")


def wants_zoo_weights(pretrained: str) -> bool:
    """Whether ``--pretrained`` means the zoo's weights rather than a file, as legacy reads it."""
    return pretrained.lower() in ("true", "1", "yes", "t")


_USUAL_SIZE = 300  # the default of --data-shape


def deployed_model(prefix: str, size: int | None, *, fuse: bool, ctx: Any) -> Model:
    """Load an exported model. A size it carries wins over `size`, with a notice."""
    deployed = load_deployed(prefix, ctx=ctx, input_size_hw=None, fuse=False)
    saved = deployed.saved
    if size is None:
        size = saved.input_size_hw[0] if saved else _USUAL_SIZE
    elif saved is not None and saved.input_size_hw != (size, size):
        _log.warning(
            "%s was exported for %d pixels; --data-shape %d is not used",
            prefix,
            saved.input_size_hw[0],
            size,
        )
        size = saved.input_size_hw[0]
    deployed = load_deployed(prefix, ctx=ctx, input_size_hw=(size, size), fuse=fuse)
    return Model(
        name="deploy",
        deployed=deployed,
        classes=saved.classes if saved else None,
        size=size,
        mean=saved.mean if saved else IMAGENET_MEAN,
        std=saved.std if saved else IMAGENET_STD,
    )


def trained_network(
    spec: Spec, pretrained: str, *, classes_file: str, options: ModelOptions
) -> Network:
    """Build a network and load its trained weights, from a file or the zoo, on the CPU.

    Raises:
        WeightsError: the weights cannot be had or do not fit.
    """
    if wants_zoo_weights(pretrained):
        path = zoo_weights(spec.name, options)
    else:
        path = pretrained
    classes: Sequence[str] | None = None
    if classes_file:
        classes = read_classes_file(classes_file)
    elif not spec.classes:
        classes = _classes_of(path)
    network = build_network(spec.name, classes=classes)
    initialize(network)
    new = load_parameters(network, path).change.new
    if new:
        _log.warning(
            "%s: these classes score about 0, since %s does not know them", some_of(new), path
        )
    return network


def untrained_network(spec: Spec, classes_file: str) -> Network:
    """Build a network with random weights on the CPU, to measure its speed without a download."""
    # Of networks that have no classes of their own any will do, but their number counts.
    classes = read_classes_file(classes_file) if classes_file else spec.classes or VOC_CLASSES
    network = build_network(spec.name, classes=classes)
    initialize(network)
    _log.info(
        "%s has random weights and %d classes: only its speed is measured",
        spec.name,
        len(network.classes),
    )
    return network


def _classes_of(path: str) -> Sequence[str]:
    sidecar = read_sidecar(path)
    if sidecar is None:
        read_params(path)  # what is wrong with the file itself is said first
        raise WeightsError(
            f"{path} does not say the names of its classes (there is no {sidecar_path(path)}); "
            "give them with --classes FILE"
        )
    return sidecar.classes


def network_model(network: Network, *, decoding: Decoding, size: int, ctx: Any) -> Model:
    """Compile a network as a deployed one, through an export that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="gluon_ssd-") as folder:
        prefix = str(Path(folder) / network.name)
        export_network_as(network, prefix, decoding=decoding, size=size, fused=False)
        deployed = load_deployed(prefix, ctx=ctx, input_size_hw=(size, size))
    return Model(network.name, deployed, network.classes, size, network.mean, network.std)


def int8_network_model(network: Network, *, ctx: Any) -> Model:
    """The zoo's int8 form of a network, compiled as a deployed one; its suppression is fixed."""
    with tempfile.TemporaryDirectory(prefix="gluon_ssd-") as folder:
        prefix = str(Path(folder) / network.name)
        export_zoo_int8(network, prefix)
        model = deployed_model(prefix, None, fuse=True, ctx=ctx)
    return replace(model, name=int8_form(network.name).name)


def export_network_as(
    network: Network, prefix: str, *, decoding: Decoding, size: int, fused: bool
) -> None:
    """Write a network as a static symbol that carries its classes, size and normalisation."""
    record = network.record(input_size_hw=(size, size), decoding=decoding)
    export_detector(Detector(network, decoding), prefix, fused=fused, saved=record)
