"""Quantise a float32 detector to int8 for OpenVINO, with NNCF: from one IR or ONNX file to an IR.

The network alone is quantised. What decodes boxes behind its last layers stays in float, also where
it is part of the graph: see `FloatDetector.decoding`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.agreement import Agreement, compare_detectors
from gluon_ssd.deploy.engine import Engine, detector_of
from gluon_ssd.deploy.onnx.names import OFFSETS, RECORD_KEY, SCORES
from gluon_ssd.deploy.openvino.export import save_ir
from gluon_ssd.deploy.openvino.float_detector import FloatDetector
from gluon_ssd.deploy.openvino.ir_pair import move_ir
from gluon_ssd.deploy.openvino.model import OpenvinoEngine, load_openvino
from gluon_ssd.deploy.openvino.nncf_library import quiet_nncf
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.system.files import ensure_directory, write_problem
from gluon_ssd.system.scratch import scratch_folder

Floats = NDArray[np.float32]

_RAW = (SCORES, OFFSETS)
_PROBED = 64
"""Images whose raw outputs are compared to rank layers; each layer is run on all of them."""
_TINY = 1e-30
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


def check_calibration(mode: str, dtype: str) -> None:
    """Raise OptionError for what NNCF does not do: a way of calibrating, or an integer type."""
    if mode != "naive":
        raise OptionError(
            f"for OpenVINO ranges come from the extremes of each image, which is the mode naive; "
            f"got {mode!r}",
            settings=("calib_mode",),
        )
    if dtype != "auto":
        raise OptionError(
            f"for OpenVINO the integer type is auto: uint8 where values are not negative, int8 "
            f"elsewhere; got {dtype!r}",
            settings=("quantized_dtype",),
        )


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
    with quiet_nncf(recipe.log) as nncf, _errors_of(nncf, detector):
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

    It is NNCF's quantisation with accuracy control: layers are ranked by how close the raw outputs
    come to float32's when that layer alone goes back, and given back in this order.

    Args:
        detector, batches, recipe, check: as of `quantize`.
        score: accuracy of a model, a fraction; called for the float32 model, for the quantised one,
            and after each layer that is given back.
        limit: what may be lost. Where it cannot be kept, what NNCF ended with is returned.

    Returns:
        As of `quantize`; `layers_in_float` tells what was given back.

    Raises:
        What `quantize` raises, and `score`.
    """
    _check(detector, batches, recipe)
    probe = _Probe(detector, batches)

    def validate(compiled: Any, numbers: Iterable[int]) -> tuple[float, list[float]]:
        check()
        engine = _Compiled(probe.fp32, compiled)
        found = probe.likeness(engine, numbers)
        # All images ask for the accuracy, fewer of them for the rank of a layer.
        if len(found) < len(probe):
            return float(np.mean(found)), found
        model = detector_of(detector.path, engine, engine.record, precision="int8")
        return score(model), found

    with quiet_nncf(recipe.log) as nncf, _errors_of(nncf, detector):
        settings = _settings(nncf, detector, recipe)
        settings["advanced_quantization_parameters"] = settings.pop("advanced_parameters")
        kind = nncf.DropType.RELATIVE if limit.is_relative else nncf.DropType.ABSOLUTE
        found = nncf.quantize_with_accuracy_control(
            detector.network,
            _data(nncf, batches, check),
            nncf.Dataset(range(len(probe))),
            validate,
            max_drop=limit.loss,
            drop_type=kind,
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=limit.most_layers,
                ranking_subset_size=len(probe) - 1,
                num_ranking_workers=1,
            ),
            **settings,
        )
    return _with_record(found, detector)


class _Probe:
    """A few images, and what float32 predicts for them.

    NNCF would compare raw outputs too when it is given them, but version 3.4 then takes the layer
    first after whose return the most error remains.
    """

    def __init__(self, detector: FloatDetector, batches: Sequence[Floats]) -> None:
        images = _single_images(batches)[:_PROBED]
        # Two at least: that is how the two questions of NNCF are told apart.
        self._images = images * 2 if len(images) == 1 else images
        self.fp32 = OpenvinoEngine(detector.network, detector.path)
        self._expected = [self.fp32.compute(image, _RAW) for image in self._images]

    def __len__(self) -> int:
        return len(self._images)

    def likeness(self, engine: Engine, numbers: Iterable[int]) -> list[float]:
        """For each of some images, how like float32's the outputs are: 0 for equal ones."""
        return [
            -_relative_error(engine.compute(self._images[number], _RAW), self._expected[number])
            for number in numbers
        ]


def _relative_error(found: Sequence[Floats], expected: Sequence[Floats]) -> float:
    """Mean over some arrays of the squared error, as a share of the squared values."""
    pairs = zip(found, expected, strict=True)
    shares = [np.sum((one - two) ** 2) / max(np.sum(two**2), _TINY) for one, two in pairs]
    return float(np.mean(shares))


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
        with scratch_folder(target) as folder:
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


class _Compiled(Engine):
    """A network that NNCF compiled."""

    def __init__(self, fp32: OpenvinoEngine, compiled: Any) -> None:
        self.threads, self.streams = int(compiled.get_property("INFERENCE_NUM_THREADS")), 1
        self.input, self.shapes, self.record = fp32.input, fp32.shapes, fp32.record
        self._compiled = compiled

    def compute(self, images: Floats, names: Sequence[str]) -> list[NDArray[Any]]:
        found = self._compiled(images)
        return [found[name].copy() for name in names]


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
def _errors_of(nncf: Any, detector: FloatDetector) -> Iterator[None]:
    """What NNCF and OpenVINO complain about, as one line; errors of the caller pass."""
    own = nncf.ValidationError, nncf.InternalError, nncf.UnsupportedModelError
    try:
        yield
    except (RuntimeError, *own) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ModelError(f"NNCF cannot quantise {detector.path}: {reason}") from error


def _with_record(network: Any, detector: FloatDetector) -> Any:
    network.set_rt_info(json.dumps(detector.record.to_object()), [RECORD_KEY])
    return network


def weight_bytes(network: Any) -> int:
    """Bytes of all constants of a network, as the file holds them."""
    constants = [each for each in network.get_ops() if each.get_type_name() == "Constant"]
    return sum(each.get_byte_size() for each in constants)
