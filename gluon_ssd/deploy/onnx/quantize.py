"""Quantise a detector in an ONNX file to 8-bit integers, by ONNX Runtime's quantiser.

Two forms of the same integers: "qoperator" has integer operators (QLinearConv), "qdq" float ones
between QuantizeLinear and DequantizeLinear, which a runtime turns into integer ones when it loads
the file. Weights are int8 with a scale for each output channel, values are uint8. What decodes the
predictions, from the softmax to the suppression, stays in float.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from gluon_ssd.deploy.agreement import Agreement, compare_detectors
from gluon_ssd.deploy.int8_modes import DTYPES, MIN_ENTROPY_IMAGES, ONNX_FORMS
from gluon_ssd.deploy.onnx.float_detector import FOLLOWS, FloatDetector
from gluon_ssd.deploy.onnx.model import load_onnx
from gluon_ssd.deploy.onnx.ranges import Progress, collect_ranges
from gluon_ssd.deploy.ranges.cut import Range
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError
from gluon_ssd.system.cpu import cpu_flags
from gluon_ssd.system.files import atomic_path

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

CALIBRATIONS = ("naive", "entropy")
"""Ways to find ranges; ONNX files hold them, so that none can be found at run time."""
_WIDE_PRODUCTS = ("vnni", "amx_int8")
"""Parts of the flags of CPUs that add products of 8-bit integers without an overflow."""


def require_quantizer() -> None:
    """Raise EnvironmentProblem when ONNX Runtime's quantiser cannot be imported."""
    try:
        import onnxruntime.quantization  # noqa: F401
    except ImportError as error:
        raise EnvironmentProblem(
            f"ONNX Runtime's quantiser cannot be imported ({error}); run "
            "bash scripts/setup.sh --extras onnx"
        ) from error


def check_calibration(mode: str, dtype: str, num_images: int) -> None:
    """Raise OptionError for what cannot be had: the way of calibrating, or its integer type.

    Args:
        mode: of `CALIBRATIONS`.
        dtype: of values: "auto" and "uint8" are the same, "int8" is slower on x86.
        num_images: to calibrate with.
    """
    if mode not in CALIBRATIONS:
        raise OptionError(
            f"ONNX files hold the ranges of values, so that they are measured before: the mode "
            f"must be one of {', '.join(CALIBRATIONS)}; got {mode!r}",
            settings=("calib_mode",),
        )
    if dtype not in DTYPES:
        raise OptionError(f"the integer type must be one of {', '.join(DTYPES)}; got {dtype!r}")
    least = MIN_ENTROPY_IMAGES if mode == "entropy" else 1
    if num_images < least:
        raise OptionError(
            f"the calibration mode {mode} needs at least {least} calibration images, got "
            f"{num_images}; use more or larger batches, or a larger data set",
            settings=("calib_mode", "num_calib_batches", "batch_size"),
        )


def check_operators(detector: FloatDetector, names: Collection[str]) -> None:
    """Raise OptionError, with the known ones, for a name that is none of the operators'."""
    for name in names:
        if name not in detector.operators:
            known = ", ".join(list(detector.operators)[:12])
            raise OptionError(
                f"{detector.path} has no layer {name!r}; layers are {known}, ...",
                settings=("calib_exclude",),
            )


def quantize_onnx(
    detector: FloatDetector,
    path: str | Path,
    batches: Sequence[Floats],
    *,
    form: str = "qdq",
    mode: str = "naive",
    dtype: str = "auto",
    excluded: Collection[str] = (),
    progress: Progress | None = None,
) -> Agreement:
    """Write the int8 form of a detector, after it was read back and compared with it.

    Args:
        detector: in float32.
        path: of the file to write, ".onnx".
        batches: float32 (B, 3, H, W), normalised, one at least; used for the comparison too.
        form: of `ONNX_FORMS`.
        mode, dtype: see `check_calibration` and `collect_ranges`.
        excluded: operators that stay in float, by their names in the graph.
        progress: called as work is done.

    Returns:
        How well the written model agrees with the fp32 one.

    Raises:
        OptionError: an unknown form, mode, type or operator, or too few images.
        ModelError: the detector cannot be quantised, or the result is no good.
        EnvironmentProblem: a package is missing, or the file cannot be written.
    """
    check_calibration(mode, dtype, sum(map(len, batches)))
    check_operators(detector, excluded)
    ranges = collect_ranges(detector, batches, mode=mode, progress=progress)
    names = [name for name in detector.operators if name not in excluded]
    model = quantized_model(detector, ranges, names, form=form, dtype=dtype)
    with atomic_path(path) as staged:
        onnx.save(model, str(staged))
        return compare_detectors(
            load_onnx(detector.path),
            load_onnx(str(staged)),
            batches,
            name=Path(path).name,
            progress=progress,
        )


def quantized_model(
    detector: FloatDetector,
    ranges: Mapping[str, Range],
    names: Collection[str],
    *,
    form: str,
    dtype: str = "auto",
    per_channel: bool = True,
) -> onnx.ModelProto:
    """The quantised graph of a detector.

    Args:
        detector: in float32.
        ranges: of its `tensors`.
        names: of the operators that compute with integers. Sums, pools and the like do so only
            where all that they read comes from operators that do.
        form: of `ONNX_FORMS`.
        dtype: of values, see `check_calibration`.
        per_channel: whether every output channel of the weights has a scale of its own.

    Raises:
        OptionError: the form is unknown.
        ModelError: ONNX Runtime's quantiser cannot do it.
    """
    if form not in ONNX_FORMS:
        raise OptionError(f"the form must be one of {', '.join(ONNX_FORMS)}; got {form!r}")
    require_quantizer()
    chosen = _integer_nodes(detector, names)
    model = onnx.ModelProto()
    model.CopyFrom(detector.model)
    _give_each_its_bias(model)
    quantizer = _quantizer(model, ranges, chosen, (form, dtype, per_channel))
    with _quiet():
        try:
            quantizer.quantize_model()
            quantizer.model.topological_sort()
        except (ValueError, RuntimeError, NotImplementedError) as error:
            raise ModelError(f"ONNX Runtime cannot quantise {detector.path}: {error}") from error
    result: onnx.ModelProto = quantizer.model.model
    result.producer_name = detector.model.producer_name
    onnx.checker.check_model(result)
    return result


def _quantizer(
    model: onnx.ModelProto,
    ranges: Mapping[str, Range],
    nodes: Sequence[onnx.NodeProto],
    how: tuple[str, str, bool],
) -> Any:
    """ONNX Runtime's quantiser of a form, ready to start."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import QuantizationMode

    form, dtype, per_channel = how
    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    values = QuantType.QInt8 if dtype == "int8" else QuantType.QUInt8
    settings: dict[str, Any] = {
        "model": model,
        "per_channel": per_channel,
        "reduce_range": not _adds_without_overflow(),
        "weight_qType": QuantType.QInt8,
        "activation_qType": values,
        "tensors_range": TensorsData(CalibrationMethod.MinMax, data),
        "nodes_to_quantize": [node.name for node in nodes],
        "nodes_to_exclude": [],
        "op_types_to_quantize": sorted({node.op_type for node in nodes}),
        "extra_options": {"ActivationSymmetric": False, "WeightSymmetric": True},
    }
    with _quiet():
        if form == "qdq":
            return QDQQuantizer(**settings)
        return ONNXQuantizer(mode=QuantizationMode.QLinearOps, static=True, **settings)


def _integer_nodes(detector: FloatDetector, names: Collection[str]) -> list[onnx.NodeProto]:
    """The operators that compute with integers, and what follows them, in order."""
    made: set[str] = set()
    chosen = []
    for node in detector.model.graph.node:
        inputs = detector.inputs_of(node)
        takes_integers = bool(inputs) and all(name in made for name in inputs)
        if node.op_type in FOLLOWS:
            fits = takes_integers and node.name in detector.followers
        elif node.name in detector.layer_names():
            fits = node.name in names
        else:
            fits = takes_integers and node.name in names
        if fits:
            chosen.append(node)
            made |= set(node.output)
    return chosen


def _give_each_its_bias(model: onnx.ModelProto) -> None:
    """Copy a bias that several convolutions share: as an integer it depends on what they read."""
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    seen: set[str] = set()
    for node in model.graph.node:
        if node.op_type != "Conv" or len(node.input) < 3:
            continue
        name = node.input[2]
        if name in seen and name in arrays:
            copy = model.graph.initializer.add()
            copy.CopyFrom(arrays[name])
            copy.name = node.input[2] = f"{name}_of_{node.name}"
        seen.add(name)


def _adds_without_overflow() -> bool:
    """Whether int8 weights may use all 8 bits.

    Older x86 CPUs add two products of 8-bit integers in 16 bits, which overflows; there the weights
    have 7 bits.
    """
    flags = cpu_flags()
    is_x86 = "sse2" in flags
    return not is_x86 or any(part in flag for flag in flags for part in _WIDE_PRODUCTS)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the quantiser logs to the root: advice that does not apply here."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
