"""Quantise a float32 detector to int8 for OpenVINO, with NNCF: from one IR or ONNX file to an IR.

The network alone is quantised. What decodes boxes behind its last layers stays in float, also where
it is part of the graph: see `FloatDetector.decoding`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.agreement import Agreement, compare_detectors
from gluon_ssd.deploy.onnx.names import ANCHORS, IMAGE, OFFSETS, RECORD_KEY, SCORES
from gluon_ssd.deploy.openvino.export import save_ir
from gluon_ssd.deploy.openvino.float_detector import FloatDetector
from gluon_ssd.deploy.openvino.model import load_openvino
from gluon_ssd.deploy.openvino.nncf_library import quiet_nncf
from gluon_ssd.deploy.raw_model import RawModel
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.files import ensure_directory, write_problem

Floats = NDArray[np.float32]
Check = Callable[[], None]
"""Called before every calibration image; may raise to end the work."""


def _go_on() -> None:
    pass


@dataclass(frozen=True)
class Recipe:
    """How to quantise.

    Attributes:
        in_float: operators that stay in float32, beside those that decode.
        per_channel: give every output channel of a layer its own scale for weights.
        log: file for what NNCF says; None drops it.
    """

    in_float: tuple[str, ...] = ()
    per_channel: bool = True
    log: Path | None = None


@dataclass(frozen=True)
class AccuracyLimit:
    """How much accuracy may be lost.

    Attributes:
        loss: largest loss, as a fraction of float32's accuracy where `is_relative`, else of 1.
        is_relative: which of the two.
        most_layers: give at most so many groups of layers back to float32.
    """

    loss: float
    is_relative: bool = True
    most_layers: int = 100


def quantize(
    detector: FloatDetector,
    batches: Sequence[Floats],
    recipe: Recipe = Recipe(),
    *,
    check: Check = _go_on,
) -> Any:
    """Quantise every layer with weights; ranges of values are means of the images' extremes.

    Args:
        detector: in float32; not changed.
        batches: float32 (B, 3, H, W), normalised, one at least.
        recipe: what is left out, and how finely.
        check: see `Check`.

    Returns:
        An `openvino.Model` that carries the record.

    Raises:
        OptionError: nothing would be quantised, or there are no images.
        ModelError: NNCF cannot do it.
        EnvironmentProblem: NNCF is missing.
    """
    _check(detector, batches, recipe)
    with quiet_nncf(recipe.log) as nncf, _errors_of(detector):
        found = nncf.quantize(
            detector.network, _data(nncf, batches, check), **_settings(nncf, detector, recipe)
        )
    return _with_record(found, detector)


def quantize_within_limit(
    detector: FloatDetector,
    batches: Sequence[Floats],
    score: Callable[[RuntimeModel], float],
    limit: AccuracyLimit,
    recipe: Recipe = Recipe(),
    *,
    check: Check = _go_on,
) -> Any:
    """Quantise, then give layers back to float32 until the accuracy is within a limit.

    It is NNCF's quantisation with accuracy control: layers are ranked by how much closer the raw
    outputs for the calibration images come to float32's when that layer alone goes back, and given
    back in this order, the worst first.

    Args:
        detector, batches, recipe, check: as of `quantize`.
        score: accuracy of a model, a fraction; called for the float32 model, for the quantised one,
            and after each layer that is given back.
        limit: what may be lost. Where it cannot be kept, the last attempt is returned.

    Returns:
        As of `quantize`; `layers_in_float` tells what was given back.

    Raises:
        What `quantize` raises, and `score`.
    """
    _check(detector, batches, recipe)

    def validate(compiled: Any, images: Any) -> tuple[float, list[list[Floats]]]:
        check()
        outputs = [list(compiled(image).to_dict().values()) for image in images]
        # NNCF asks first what kind of answer it gets, with a single image.
        is_question = len(outputs) < len(data_of_images)
        return 0.0 if is_question else score(_Compiled(detector, compiled)), outputs

    with quiet_nncf(recipe.log) as nncf, _errors_of(detector):
        data = _data(nncf, batches, check)
        data_of_images = _single_images(batches)
        settings = _settings(nncf, detector, recipe)
        settings["advanced_quantization_parameters"] = settings.pop("advanced_parameters")
        kind = nncf.DropType.RELATIVE if limit.is_relative else nncf.DropType.ABSOLUTE
        found = nncf.quantize_with_accuracy_control(
            detector.network,
            data,
            data,
            validate,
            max_drop=limit.loss,
            drop_type=kind,
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=limit.most_layers, num_ranking_workers=1
            ),
            **settings,
        )
    return _with_record(found, detector)


def layers_in_float(network: Any, detector: FloatDetector) -> tuple[str, ...]:
    """The layers with weights of a quantised network that compute in float32."""
    operators = {each.get_friendly_name(): each for each in network.get_ops()}
    return tuple(
        name
        for name in detector.weighted
        if operators[name].input_value(0).get_node().get_type_name() != "FakeQuantize"
    )


def write_quantized(
    network: Any,
    detector: FloatDetector,
    path: str,
    batches: Sequence[Floats],
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> Agreement:
    """Write a quantised network, after it was read back and compared with the float32 one.

    Args:
        network: what `quantize` returned for the detector.
        detector: the float32 one; its file is read again.
        path: .xml to write, with .bin beside it, both or neither; the folder is made.
        batches: as of `quantize`; the first images are compared.
        progress: called as work is done.

    Returns:
        How well the two agree.

    Raises:
        ModelError: the result is no good; nothing was written.
        EnvironmentProblem: the files cannot be written.
    """
    target = Path(path)
    ensure_directory(target.parent)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}.") as folder:
            staged = Path(folder) / target.name
            save_ir(network, staged)
            agreement = compare_detectors(
                load_openvino(detector.path),
                load_openvino(str(staged)),
                batches,
                name=target.name,
                progress=progress,
            )
            move_ir(staged, target)
    except OSError as error:
        raise write_problem(target, error) from error
    return agreement


def ir_files(path: str | Path) -> tuple[Path, Path]:
    """The two files of an IR: graph (.xml) and weights (.bin)."""
    return Path(path), Path(path).with_suffix(".bin")


def move_ir(source: str | Path, target: str | Path) -> None:
    """Rename both files of an IR within one file system; raises OSError."""
    graph, weights = ir_files(source)
    # The graph comes last: without its weights it could not be read.
    os.replace(weights, ir_files(target)[1])
    os.replace(graph, target)


class _Compiled(RawModel):
    """A network that NNCF compiled, as a model that can be scored."""

    def __init__(self, detector: FloatDetector, compiled: Any) -> None:
        self.name, self.precision = detector.path, "int8"
        self.record: ModelRecord = detector.record
        self.input_size_hw, self.num_classes = detector.input_size_hw, detector.num_classes
        self.anchors = _anchors(detector.network)
        self._compiled = compiled

    @property
    def threads(self) -> int:
        return int(self._compiled.get_property("INFERENCE_NUM_THREADS"))

    def raw_outputs(self, images: Floats) -> tuple[Floats, Floats]:
        found = self._compiled({IMAGE: images})
        return found[SCORES], found[OFFSETS]


def _anchors(network: Any) -> Floats | None:
    """The table that an output passes on; None where there is none."""
    for output in network.outputs:
        if ANCHORS in output.names:
            node = output.get_node()
            while node.get_type_name() != "Constant":
                node = node.input_value(0).get_node()
            return np.array(node.data, np.float32)
    return None


def _check(detector: FloatDetector, batches: Sequence[Floats], recipe: Recipe) -> None:
    if not sum(map(len, batches)):
        raise OptionError(
            "quantising needs at least 1 calibration image, got 0",
            settings=("num_calib_batches", "batch_size"),
        )
    if set(detector.weighted) <= set(recipe.in_float):
        raise OptionError(
            "the layers that stay in float32 leave nothing to quantise; name fewer",
            settings=("calib_exclude",),
        )


def _single_images(batches: Sequence[Floats]) -> list[Floats]:
    """(1, 3, H, W) each; nothing is copied."""
    return [batch[row : row + 1] for batch in batches for row in range(len(batch))]


def _data(nncf: Any, batches: Sequence[Floats], check: Check) -> Any:
    def checked(image: Floats) -> Floats:
        check()
        return image

    return nncf.Dataset(_single_images(batches), checked)


def _settings(nncf: Any, detector: FloatDetector, recipe: Recipe) -> dict[str, Any]:
    """Arguments that both ways to quantise share."""
    from nncf.quantization.advanced_parameters import QuantizationParameters

    in_float = dict.fromkeys([*detector.decoding, *recipe.in_float])
    weights = None if recipe.per_channel else QuantizationParameters(per_channel=False)
    return {
        # Symmetric ranges of values, which are the fastest.
        "preset": nncf.QuantizationPreset.PERFORMANCE,
        "target_device": nncf.TargetDevice.CPU,
        "subset_size": 2**31 - 1,  # all images that are given
        "ignored_scope": nncf.IgnoredScope(names=list(in_float)),
        "advanced_parameters": nncf.AdvancedQuantizationParameters(
            weights_quantization_params=weights
        ),
    }


@contextmanager
def _errors_of(detector: FloatDetector) -> Any:
    """What NNCF and OpenVINO complain about, as one line; errors of the caller pass."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ModelError(f"NNCF cannot quantise {detector.path}: {reason}") from error


def _with_record(network: Any, detector: FloatDetector) -> Any:
    network.set_rt_info(json.dumps(detector.record.to_object()), [RECORD_KEY])
    return network
