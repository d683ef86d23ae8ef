"""What the comparison of formats measures: a network or an exported pair, and its fp32 files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gluon_ssd.benchmarks.gluoncv.decoder import check_original_can
from gluon_ssd.benchmarks.gluoncv.network import is_in_zoo
from gluon_ssd.benchmarks.table_subjects import input_format_of
from gluon_ssd.commands.wiring.models import export_network_as
from gluon_ssd.data.class_names import published_classes
from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.mxnet.files import Exported, read_exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.deploy.mxnet.passes.replace_decoder import count_classes
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.models.spec import Spec
from gluon_ssd.models.weights import load_parameters, save_parameters

_WITH_PRODUCTS = ("Convolution", "FullyConnected")


@dataclass(frozen=True)
class Subject:
    """A detector whose forms are compared.

    Attributes:
        name: of the network, or of the exported files.
        weights: what its weights are, in words.
        has_weights: whether they are trained ones, whose accuracy tells something.
        prefix: of the fp32 pair of MXNet.
        parts: the detector taken apart, its record included.
        original: what `benchmarks.gluoncv.detector.Original` takes; None for a network that GluonCV
            lacks, and for a pair that this project wrote, with its own decoding.
    """

    name: str
    weights: str
    has_weights: bool
    prefix: str
    parts: DetectorParts
    original: Mapping[str, str] | None

    @property
    def record(self) -> ModelRecord:
        """What the detector is."""
        return self.parts.record


def network_subject(spec: Spec, weights: str, folder: Path) -> Subject:
    """Write a network, with weights from a file or random ones, as a pair of MXNet.

    Args:
        spec: of the network.
        weights: its parameter file; empty for random ones.
        folder: for NAME-symbol.json, NAME-0000.params and, for GluonCV's object, NAME.params.

    Raises:
        ModelError: it is of GluonCV's zoo, and GluonCV cannot decode as it does.
        WeightsError: the file cannot be used.
        EnvironmentProblem: the files cannot be written.
    """
    name, has_original = spec.name, is_in_zoo(spec.name)
    if has_original:
        check_original_can(spec.decoding, name)
    network = build_network(name)
    initialize(network)
    if weights:
        load_parameters(network, weights)
    prefix, parameters = str(folder / name), str(folder / f"{name}.params")
    size_hw = network.input_size_hw
    export_network_as(network, prefix, decoding=spec.decoding, input_size_hw=size_hw, fused=False)
    original = None
    if has_original:
        save_parameters(network, parameters)
        original = {"name": name, "weights": parameters}
    return Subject(
        name=name,
        weights=f"weights of {Path(weights).name}" if weights else "random weights",
        has_weights=bool(weights),
        prefix=prefix,
        parts=detector_parts(read_exported(prefix)),
        original=original,
    )


def exported_subject(prefix: str) -> Subject:
    """An exported fp32 pair; what it does not carry, its classes and size tell.

    Raises:
        ModelError, WeightsError: it cannot be used, is int8, or its size or classes are unknown.
    """
    exported = read_pair(prefix)
    size_hw = input_format_of(exported).size_hw
    return Subject(
        name=Path(exported.name).name,
        weights="exported model",
        has_weights=True,
        prefix=prefix,
        parts=detector_parts(exported, input_size_hw=size_hw, classes=_classes(exported, size_hw)),
        original=None if exported.record else {"prefix": prefix},
    )


def _classes(exported: Exported, size_hw: tuple[int, int]) -> tuple[str, ...]:
    """Names for a pair without a record; empty where their number tells none."""
    if exported.record is not None:
        return ()
    number = count_classes(exported.graph, exported.params, {"data": (1, 3, *size_hw)})
    return published_classes(number or 0) or ()


def count_operations(parts: DetectorParts) -> int:
    """Operations of the convolutions for one image: two for each multiply-accumulate."""
    return 2 * sum(
        math.prod(operation.shapes[0]) * math.prod(parts.arrays[operation.inputs[1]].shape[1:])
        for operation in parts.operations
        if operation.kind in _WITH_PRODUCTS
    )
