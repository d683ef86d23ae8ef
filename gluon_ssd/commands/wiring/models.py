"""Options -> a detector of MXNet: a network in memory, and its export."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gluon_ssd.commands.wiring.published_weights import zoo_weights
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.deploy.mxnet.export import export_detector, trace_detector
from gluon_ssd.deploy.mxnet.int8.shipped_graphs import shipped_int8
from gluon_ssd.deploy.mxnet.model import deploy
from gluon_ssd.deploy.mxnet.pair import exported_files, plain_prefix
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.interface import Network
from gluon_ssd.models.params_file import read_params
from gluon_ssd.models.record import read_sidecar, sidecar_path
from gluon_ssd.models.spec import Spec
from gluon_ssd.models.weights import load_parameters
from gluon_ssd.options.shared import ModelOptions, wants_zoo_weights
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)


def trained_network(
    spec: Spec, pretrained: str, *, classes_file: str, options: ModelOptions
) -> Network:
    """Build a network and load its trained weights, from a file or the zoo, on the CPU.

    Raises:
        WeightsError: the weights cannot be had or do not fit.
    """
    path = zoo_weights(spec, options) if wants_zoo_weights(pretrained) else pretrained
    classes = _classes(spec, path, classes_file)
    network = build_network(spec.name, classes=classes)
    initialize(network)
    new = load_parameters(network, path).new
    if new:
        _log.warning(
            "%s: these classes score about 0, since %s does not know them", some_of(new), path
        )
    record = read_sidecar(path)
    if record is not None and record.classes == tuple(network.classes):
        network.thresholds = record.thresholds
    return network


def _classes(spec: Spec, path: str, classes_file: str) -> Sequence[str] | None:
    """Names for the heads: of the file of names, or of the record; None takes the network's own."""
    record = read_sidecar(path)
    if classes_file:
        names = read_classes_file(classes_file)
        if record is not None and not set(names) & set(record.classes):
            raise WeightsError(
                f"{classes_file} names {some_of(names)}, and {path} was trained for "
                f"{some_of(record.classes)}: none of these; leave the names out, since the weights "
                "have their own",
                settings=("classes",),
            )
        return names
    if record is not None and (record.name == spec.name or not spec.classes):
        return record.classes
    if spec.classes:
        return None
    read_params(path)  # what is wrong with the file itself is said first
    prefix = plain_prefix(path)
    advice = "give them with --classes FILE"
    if exported_files(prefix)[0].is_file():
        advice = f"it is half of an exported pair, which runs with --model-prefix {prefix}"
    raise WeightsError(
        f"{path} does not say the names of its classes (there is no {sidecar_path(path)}); {advice}"
    )


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


def network_model(
    network: Network, *, decoding: Decoding, input_size_hw: tuple[int, int], device: str
) -> RuntimeModel:
    """Compile a network as a deployed model is, in memory."""
    record = network.record(input_size_hw=input_size_hw, decoding=decoding)
    model = deploy(trace_detector(Detector(network, decoding), record), device=device)
    model.check_input(network.name)
    return model


def int8_network_model(network: Network, *, device: str) -> RuntimeModel:
    """The published int8 form of a network, compiled in memory; errors as of `shipped_int8`."""
    model = deploy(shipped_int8(network), device=device)
    model.check_input(model.name)
    return model


def export_network_as(
    network: Network,
    prefix: str,
    *,
    decoding: Decoding,
    input_size_hw: tuple[int, int],
    fused: bool,
) -> None:
    """Write a network as a static symbol that carries its classes, size and normalisation."""
    record = network.record(input_size_hw=input_size_hw, decoding=decoding)
    export_detector(Detector(network, decoding), prefix, fused=fused, saved=record)
