"""What the table of speeds measures: a network or an exported model, each in four forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.gluoncv.decoder import check_original_can
from gluon_ssd.benchmarks.gluoncv.network import (
    is_in_zoo,
    original_exported,
    original_int8,
    original_network,
)
from gluon_ssd.benchmarks.table_rows import FORMS, Run
from gluon_ssd.commands.wiring.models import export_network_as
from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector, quantize_prepared
from gluon_ssd.deploy.mxnet.model import deploy
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS, spec_of
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.weights import load_parameters, save_parameters
from gluon_ssd.system.scratch import scratch_folder

_SIZE_IN_FILE_NAME = re.compile(r"ssd_(\d+)_")
"""How users tell the size of a network that the catalog does not know and whose file is bare."""


@dataclass(frozen=True)
class Source:
    """One row of the table before anything is built for it.

    Attributes:
        name: of the network, or of the exported model's files.
        weights: what its weights are, in words.
        input_format: how images become its input.
        has_weights: whether they are trained ones, of which accuracies tell something.
        write: (folder) -> prefix of the fp32 model's files, and the original in fp32, or None for
            a network that GluonCV lacks.
    """

    name: str
    weights: str
    input_format: InputFormat
    has_weights: bool
    write: Callable[[str], tuple[str, Any]]


def network_source(name: str, weights: str) -> Source:
    """A network, with weights from a file or random ones.

    Raises:
        ModelError: it is of GluonCV's zoo, and GluonCV cannot decode as it does.
        WeightsError: the file cannot be used.
    """
    has_original = is_in_zoo(name)
    if has_original:
        check_original_can(spec_of(name).decoding, name)
    network = build_network(name)
    initialize(network)
    if weights:
        load_parameters(network, weights)
    said = f"weights of {Path(weights).name}" if weights else "random weights"

    def write(folder: str) -> tuple[str, Any]:
        prefix, parameters = str(Path(folder) / "f32"), str(Path(folder) / "weights.params")
        save_parameters(network, parameters)
        size_hw, decoding = network.input_size_hw, network.spec.decoding
        export_network_as(network, prefix, decoding=decoding, input_size_hw=size_hw, fused=False)
        return prefix, original_network(name, parameters, decoding) if has_original else None

    return Source(name, said, network.input_format(), bool(weights), write)


def exported_source(prefix: str) -> Source:
    """An exported fp32 model of VOC's classes; its size is in its metadata or in its name.

    Raises:
        ModelError, WeightsError: it cannot be used, is int8, or its size is unknown.
    """
    exported = read_pair(prefix)
    saved = exported.record
    if saved is not None and saved.classes != VOC_CLASSES:
        raise ModelError(f"{prefix} has other classes than VOC; the table scores on VOC alone")
    input_format = input_format_of(exported)
    return Source(
        Path(exported.name).name,
        "exported model",
        input_format,
        True,
        lambda folder: (prefix, original_exported(prefix)),
    )


def input_format_of(exported: Exported) -> InputFormat:
    """How images become the input of an exported fp32 model: by its record, or else by its name.

    Raises:
        ModelError: it is int8, or neither tells its size.
    """
    if exported.is_quantised:
        raise ModelError(f"{exported.name} is quantised already; name the fp32 model")
    name = Path(exported.name).name
    if exported.record is not None:
        return exported.record.input_format
    if name in SPECS:
        return SPECS[name].input_format()
    if named := _SIZE_IN_FILE_NAME.match(name):
        return InputFormat((int(named[1]), int(named[1])))
    raise ModelError(
        f"{exported.name} does not carry its input size; call its files ssd_<size>_<anything>"
    )


def forms_of(
    source: Source, images: np.ndarray, step: Callable[[str], None]
) -> tuple[dict[str, Run], RuntimeModel]:
    """Build the forms: ours in fp32 and int8, and the original's two where there is an original.

    Args:
        source: the row.
        images: float32 (N, 3, H, W), normalised, to calibrate with.
        step: told what is done next.

    Returns:
        form, of `FORMS` -> callable of a batch, an MXNet array; and our int8 form as a model.
    """
    with scratch_folder() as folder:
        step("fp32 forms")
        plain, original = source.write(str(folder))
        step("int8 forms")
        float32, int8 = our_forms(plain, source.input_format.size_hw, images)
        runs = {"ours f32": float32.run, "ours s8": int8.run}
        if original is not None:
            runs |= {"original f32": original, "original s8": original_int8(original, images)}
            # Quantising hybridises anew, without static memory.
            original.hybridize(static_alloc=True, static_shape=True)
    return {form: runs[form] for form in FORMS if form in runs}, int8


def our_forms(
    prefix: str, input_size_hw: tuple[int, int], images: np.ndarray
) -> tuple[RuntimeModel, RuntimeModel]:
    """An exported fp32 model prepared for speed, and its int8 form.

    Args:
        prefix: of its files, which are read here.
        input_size_hw: where they do not carry it.
        images: float32 (N, 3, H, W), normalised, to calibrate with.
    """
    float32 = load_detector(prefix, input_size_hw=input_size_hw)
    prepared = prepare_detector(prefix, input_size_hw)
    quantised = quantize_prepared(prepared, [images], mode="naive")
    return float32, deploy(quantised, input_size_hw=input_size_hw)


def random_images(input_size_hw: tuple[int, int], count: int, seed: int) -> Any:
    """Noise of the range of normalised pixels, float32 (count, 3, H, W), as an MXNet array."""
    rng = np.random.default_rng(seed)
    return mx.nd.array(rng.uniform(-2, 2, (count, 3, *input_size_hw)))
