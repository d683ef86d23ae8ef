"""Quantise an exported fp32 detector to 8-bit integers: from two files to two files.

The network alone is quantised. What decodes its predictions, from the softmax to the suppression,
stays in float: it is a hundredth of the work, and integers there would move every box.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_ssd.deploy.agreement import Agreement, compare_detectors
from gluon_ssd.deploy.int8_modes import DTYPES, MIN_ENTROPY_IMAGES, MODES
from gluon_ssd.deploy.mxnet.class_count import class_count
from gluon_ssd.deploy.mxnet.files import (
    INPUT,
    Exported,
    check_shapes,
    replaced_files,
    write_exported,
)
from gluon_ssd.deploy.mxnet.graph import Graph, Params
from gluon_ssd.deploy.mxnet.halves import split_at_predictions
from gluon_ssd.deploy.mxnet.int8.calibrate import Progress, collect_thresholds
from gluon_ssd.deploy.mxnet.int8.quantize_graph import (
    quantize_network,
    quantized_tensors,
    with_onednn,
)
from gluon_ssd.deploy.mxnet.model import deploy, load_deployed
from gluon_ssd.deploy.mxnet.prepare import prepare
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.files import ensure_directory


@dataclass(frozen=True)
class Prepared(DetectorFacts):
    """An fp32 detector in two halves, batch norm and constants folded; see `DetectorFacts`.

    Attributes:
        prefix: of the files it came from, for messages and names.
        path: what they were read by, which may name one of several parameter files.
        network, decoding, names: as of `Halves`.
        params: the arrays of both.
    """

    prefix: str
    path: str
    network: Graph
    decoding: Graph
    names: tuple[str, ...]
    params: Params
    input_size_hw: tuple[int, int]
    record: ModelRecord | None
    num_classes: int | None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, H, W) of one image."""
        return (3, *self.input_size_hw)


def prepare_detector(prefix: str, input_size_hw: tuple[int, int] | None = None) -> Prepared:
    """Read an fp32 detector and make it ready to be quantised.

    Args:
        prefix: its two files.
        input_size_hw: height and width of the images, px, where there is no record.

    Raises:
        ModelError, WeightsError: as `read_pair` does; or it is int8 already, went through
            oneDNN, does not show where its network ends, no size is known, an array has the wrong
            shape, or a weight is not finite.
    """
    path, exported = prefix, read_pair(prefix, input_size_hw=input_size_hw)
    prefix, graph, record = exported.name, exported.graph, exported.record
    if exported.is_quantised:
        raise ModelError(f"{prefix} is quantised already; give the fp32 model it was made from")
    if exported.has_onednn:
        raise ModelError(
            f"{prefix} went through oneDNN's fusing, after which nothing can be quantised; give "
            "the model as it was exported"
        )
    input_size_hw = exported.input_size_hw(input_size_hw)
    check_shapes(exported, input_size_hw)
    shapes = {INPUT: (1, 3, *input_size_hw)}
    num_classes = class_count(exported, shapes)
    params = prepare(graph, exported.params, shapes)
    halves = split_at_predictions(graph, INPUT)
    if halves is None or halves.decoding is None:
        raise ModelError(
            f"{prefix} does not show where its network ends and decoding starts, so that the "
            "decoding would be quantised too; export the model again with this package"
        )
    network, decoding, names = halves.network, halves.decoding, halves.names
    facts = input_size_hw, record, num_classes
    return Prepared(prefix, path, network, decoding, names, params, *facts)


def check_pair(mode: str, dtype: str) -> None:
    """Raise OptionError for an unknown mode or integer type, and for uint8."""
    for word, words, what in ((mode, MODES, "mode"), (dtype, DTYPES, "integer type")):
        if word not in words:
            raise OptionError(f"the {what} must be one of {', '.join(words)}; got {word!r}")
    if dtype == "uint8":
        raise OptionError(
            "the integer type cannot be uint8: normalised images hold negative values, for which "
            "MXNet's uint8 has no place; use auto, which takes uint8 where values allow it",
            settings=("quantized_dtype",),
        )


def check_images(mode: str, num_images: int) -> None:
    """Raise OptionError when there are too few images to calibrate and compare with."""
    least = MIN_ENTROPY_IMAGES if mode == "entropy" else 1
    if num_images < least:
        raise OptionError(
            f"the calibration mode {mode} needs at least {least} calibration images, got "
            f"{num_images}; use more or larger batches, or a larger data set",
            settings=("calib_mode", "num_calib_batches", "batch_size"),
        )


def quantize_detector(
    prepared: Prepared,
    prefix_out: str,
    batches: Sequence[np.ndarray],
    *,
    mode: str,
    dtype: str = "auto",
    excluded: Iterable[str] = (),
    progress: Progress | None = None,
) -> Agreement:
    """Write the int8 form of an fp32 detector, after it was read back and compared with it.

    Args:
        prepared: the fp32 detector.
        prefix_out: the two files to write, both or neither; the folder is made.
        batches: float32 (B, 3, H, W), normalised, one at least; read more than once, and used for
            the comparison too.
        mode: "none" measures ranges at run time, "naive" takes least and largest value over all
            batches, "entropy" cuts rare large values off.
        dtype: "auto" takes uint8 where values are not negative, int8 elsewhere; "int8" asks for
            int8 where the images come in.
        excluded: layers kept in float, by the names `layer_names` gives.
        progress: called as work is done.

    Returns:
        How well the written model agrees with the fp32 one.

    Raises:
        OptionError: a pair of mode and dtype that cannot be had, or too few images.
        ModelError: the detector cannot be quantised, or the result is no good.
        EnvironmentProblem: the files cannot be written.
    """
    check_pair(mode, dtype)
    check_images(mode, sum(len(batch) for batch in batches))
    ensure_directory(Path(prefix_out).parent)
    quantised = quantize_prepared(
        prepared, batches, mode=mode, dtype=dtype, excluded=excluded, progress=progress
    )
    reference = join_halves(prepared.network, prepared)
    with replaced_files(prefix_out) as staged:
        write_exported(quantised, staged)
        return compare_detectors(
            deploy(reference, input_size_hw=prepared.input_size_hw),
            load_deployed(staged, input_size_hw=prepared.input_size_hw),
            batches,
            name=Path(prefix_out).name,
            progress=progress,
        )


def quantize_prepared(
    prepared: Prepared,
    batches: Sequence[np.ndarray],
    *,
    mode: str,
    dtype: str = "auto",
    excluded: Iterable[str] = (),
    progress: Progress | None = None,
) -> Exported:
    """The quantised detector; arguments as of `quantize_detector`."""
    fused = with_onednn(prepared.network, calibrated=mode != "none")
    tensors = quantized_tensors(fused, dtype=dtype, excluded=excluded)
    thresholds = collect_thresholds(
        fused, prepared.params, tensors, batches, mode=mode, progress=progress
    )
    network = quantize_network(fused, thresholds, dtype=dtype, excluded=excluded)
    return join_halves(network, prepared)


def join_halves(network: Graph, prepared: Prepared) -> Exported:
    """Put the decoding of a prepared detector behind a network of the same outputs."""
    decoding, heads = prepared.decoding.copy(), network.copy().heads
    for node in list(decoding.nodes()):
        if node.name in prepared.names:
            decoding.replace((node, 0), heads[prepared.names.index(node.name)])
    params = {name: prepared.params[name] for name in decoding.variables() if name != INPUT}
    return Exported(prepared.prefix, decoding, params, prepared.record)
