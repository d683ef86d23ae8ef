"""Weights of published code -> this project's files, and back; backbones -> ONNX and NumPy too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.commands.wiring.models import trained_network
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.families.build import FAMILIES, family_of
from gluon_ssd.families.catalog import SPECS, find_spec, usual_size
from gluon_ssd.families.recognition import recognised
from gluon_ssd.models.backbones.onnx_file import backbone_onnx
from gluon_ssd.models.backbones.resnet import BLOCKS
from gluon_ssd.models.backbones.torchvision_weights import (
    backbone_difference,
    backbone_of,
    our_arrays,
    published_arrays,
)
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.interface import Network
from gluon_ssd.models.params_file import read_params
from gluon_ssd.models.record import read_sidecar, sidecar_path
from gluon_ssd.models.spec import Spec
from gluon_ssd.models.torch_file.writer import write_state_dict
from gluon_ssd.models.weights import save_arrays, save_parameters
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.shared import ModelOptions
from gluon_ssd.options.weights_record import options_of_record
from gluon_ssd.system.files import atomic_write, ensure_writable
from gluon_ssd.system.run_lock import locked
from gluon_ssd.system.wording import some_of

_USUAL_DATASET = "coco"


def convert_weights(command: ConvertCommand) -> str:
    """Read, convert and write weights; returns the line to print.

    Raises:
        OptionError: the options name no network, or a form that its weights do not have.
        WeightsError: the file is damaged, refused, or of another network.
        EnvironmentProblem: the output cannot be written.
    """
    ensure_writable(command.output)
    with locked(command.output, settings=("output",)):
        return _convert(command)


def _convert(command: ConvertCommand) -> str:
    arrays = read_params(command.input)
    _check_mean_rgb(command, arrays)
    backbone = _backbone(command, arrays)
    if backbone:
        return _convert_backbone(command, backbone, arrays)
    if command.to == "onnx":
        raise OptionError(
            f"--to onnx is for backbones, and {command.input} holds none of {', '.join(BLOCKS)}; "
            "scripts/export_ssd.py writes the graph of a detector"
        )
    network = trained_network(
        _spec(command, arrays),
        command.input,
        classes_file=command.classes,
        options=ModelOptions(),
    )
    if command.mean_rgb:
        mean = tuple(value / 255 for value in command.mean_values)
        network.own_normalization = mean, network.std
    files = command.output
    if command.to == "torch":
        _write_torch(command.output, network)
    elif command.to == "npz":
        _write_npz(command.output, _published(network))
    else:
        save_parameters(network, command.output)
        files += f" and {sidecar_path(command.output)}"
    return f"wrote {files} ({network.name}, {len(network.classes)} classes)"


def _check_mean_rgb(command: ConvertCommand, arrays: Mapping[str, Any]) -> None:
    """Raise OptionError when --mean-rgb is given for weights that it says nothing of."""
    if command.mean_rgb and not any(
        FAMILIES[spec.family].takes(spec, arrays) for spec in SPECS.values()
    ):
        raise OptionError(
            "--mean-rgb is for weights of SageMaker and of MXNet's SSD example, and "
            f"{command.input} starts with {some_of(arrays)}; leave it out"
        )


def _write_npz(path: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    with atomic_write(path) as file:
        np.savez(file, **arrays)


# --- backbones ------------------------------------------------------------------------------------


def _backbone(command: ConvertCommand, arrays: Mapping[str, Any]) -> str:
    """The backbone that a file is of, as the options or its arrays say; "" for a detector.

    Raises WeightsError when it is not the one that the options name.
    """
    if command.network in BLOCKS:
        difference = backbone_difference(command.network, our_arrays(arrays))
        if difference:
            raise WeightsError(
                f"{command.input} does not fit {command.network}: {difference}; the file starts "
                f"with {some_of(arrays)}"
            )
        return command.network
    if command.network or "conv1.weight" not in arrays:
        return ""
    return backbone_of(our_arrays(arrays)) or ""


def _convert_backbone(command: ConvertCommand, name: str, arrays: Mapping[str, Any]) -> str:
    own = our_arrays(arrays)
    if command.to == "torch":
        write_state_dict(command.output, published_arrays(own))
    elif command.to == "npz":
        _write_npz(command.output, published_arrays(own))
    elif command.to == "onnx":
        with atomic_write(command.output) as file:
            file.write(backbone_onnx(name, own))
    else:
        save_arrays(command.output, own)
    return f"wrote {command.output} ({name}, {len(own)} arrays)"


# --- detectors ------------------------------------------------------------------------------------


def _published(network: Network) -> dict[str, NDArray[Any]]:
    parameters = parameters_of(network)
    return network.published({name: p.data().asnumpy() for name, p in parameters.items()})


def _write_torch(path: str, network: Network) -> None:
    """Write a detector as a checkpoint of the published code, which looks below `model`."""
    published = _published(network)
    before = ("background",) if network.spec.decoding.has_background else ()
    facts = {
        "label_map": dict(enumerate((*before, *network.classes))),
        **family_of(network).published_facts(published),
    }
    write_state_dict(path, published, below="model", facts=facts)


def _spec(command: ConvertCommand, arrays: Mapping[str, Any]) -> Spec:
    """The network that a file is of: as the options, its record or its arrays say.

    Raises:
        OptionError: the options name no network, or leave the names of its classes open.
        WeightsError: nothing is known that the arrays would fit.
    """
    given = {"network": command.network, "data_shape": command.data_shape}
    options_of_record(command.input, given, fixes_dataset=command.dataset is None)
    candidates = [spec for spec in SPECS.values() if _is_candidate(spec, command)]
    record = read_sidecar(command.input)
    recorded = [spec for spec in candidates if record is not None and spec.name == record.name]
    if recorded:
        return recorded[0]
    classes = read_classes_file(command.classes) if command.classes else ()
    published = [spec for spec in candidates if _may_be(spec, arrays)]
    try:
        found = recognised(arrays, published, classes)
    except WeightsError as error:
        raise WeightsError(f"{command.input}: {error}") from error
    if found is None and not command.network:
        raise WeightsError(
            f"{command.input} is of no network that is known here; it starts with "
            f"{some_of(arrays)}: name its network"
        )
    if found is None:
        # What does not fit is said where the weights are loaded.
        side = command.data_shape or usual_size(command.network)
        return find_spec(command.network, side, command.dataset or _USUAL_DATASET)
    spec, knows_classes = found
    if not knows_classes:
        raise OptionError(
            f"{command.input} is of {spec.network}, but for other classes than those of "
            f"{spec.dataset}; name them, in the order of its heads",
            settings=("classes", "dataset"),
        )
    return spec


def _may_be(spec: Spec, arrays: Mapping[str, Any]) -> bool:
    """Whether published weights of a network may look so."""
    family = FAMILIES[spec.family]
    return family.is_published or family.takes(spec, arrays)


def _is_candidate(spec: Spec, command: ConvertCommand) -> bool:
    """Whether the options leave a network open."""
    dataset = "custom" if command.classes else command.dataset
    size_hw = (command.data_shape, command.data_shape)
    return (
        not spec.int8_of
        and command.network in ("", spec.network, spec.name)
        and spec.dataset == (dataset or spec.dataset)
        and (command.data_shape is None or spec.any_size or spec.input_size_hw == size_hw)
    )
