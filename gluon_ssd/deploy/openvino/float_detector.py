"""A float32 detector as OpenVINO reads it, ready to be quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openvino
from openvino._offline_transformations import apply_moc_transformations

from gluon_ssd.deploy.onnx.names import IMAGE, OFFSETS, RECORD_KEY, SCORES
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

_WITH_WEIGHTS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
"""Types of the operators that int8 makes fast."""
_NO_WORK = ("Constant", "Parameter", "Result")
_QUANTISED = ("FakeQuantize", "FakeConvert")
_WITHOUT_BIAS = "/WithoutBiases"
"""ONNX's reader calls a convolution so whose bias it adds by an operator of its own."""


@dataclass(frozen=True)
class FloatDetector(DetectorFacts):
    """A float32 detector in the raw form; see `DetectorFacts`.

    Attributes:
        path: the file it came from, .xml or .onnx.
        network: an `openvino.Model`, constants folded; do not change it.
    """

    path: str
    network: Any = field(repr=False)
    record: ModelRecord
    input_size_hw: tuple[int, int]
    num_classes: int

    @property
    def prefix(self) -> str:
        """The file without its ending."""
        return str(Path(self.path).with_suffix(""))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, H, W) of one image."""
        return (3, *self.input_size_hw)

    @property
    def weighted(self) -> tuple[str, ...]:
        """Names of the operators that have weights, in the order in which they run."""
        return tuple(_name(each) for each in self._operators() if _has_weights(each))

    @property
    def decoding(self) -> tuple[str, ...]:
        """Names of the operators behind the last ones with weights: what decodes boxes is there.

        Integers there would move every box, and are a hundredth of the work.
        """
        before = _with_what_they_read(self.network, self.weighted)
        return tuple(_name(each) for each in self._operators() if _name(each) not in before)

    def layer_names(self) -> dict[str, str]:
        """Name of each layer with weights -> name of the operator that computes it."""
        return {name.removesuffix(_WITHOUT_BIAS): name for name in self.weighted}

    def operators_by_type(self) -> Mapping[str, tuple[str, ...]]:
        """Type of an operator -> names of those in front of the decoding; types sorted."""
        found: dict[str, list[str]] = {}
        decoding = set(self.decoding)
        for each in self._operators():
            if _name(each) not in decoding:
                found.setdefault(each.get_type_name(), []).append(_name(each))
        return {kind: tuple(found[kind]) for kind in sorted(found)}

    def bytes_per_image(self) -> int:
        """Memory for one image when nothing is used twice: all values between operators."""
        shapes = [
            each.get_output_partial_shape(number)
            for each in self._operators()
            for number in range(each.get_output_size())
        ]
        return 4 * sum(_count(shape) for shape in shapes)

    def _operators(self) -> Iterator[Any]:
        """Those that compute, in the order in which they run."""
        ordered = self.network.get_ordered_ops()
        return (each for each in ordered if each.get_type_name() not in _NO_WORK)


def read_float_detector(path: str) -> FloatDetector:
    """Read a raw detector in float32 from an IR (.xml) or an ONNX file.

    Raises:
        ModelError: there is no such file, it is no raw detector of this project, it is quantised
            already, or it takes batches of one size that is not 1.
    """
    if not Path(path).is_file():
        raise ModelError(f"there is no file {path}; check the name of the model")
    try:
        network = openvino.Core().read_model(path)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(f"OpenVINO cannot read {path}: {reason}") from error
    record = ModelRecord.from_json(_record_text(network, path), path)
    names = {name for output in network.outputs for name in output.names}
    if not {SCORES, OFFSETS} <= names or IMAGE not in network.inputs[0].names:
        raise ModelError(
            f"{path} is not in the raw form, so that its decoding would be quantised too; export "
            "it with --form raw"
        )
    if any(each.get_type_name() in _QUANTISED for each in network.get_ops()):
        raise ModelError(f"{path} is quantised already; give the float32 model it was made from")
    batch = network.inputs[0].partial_shape[0]
    if batch.is_static and batch.get_length() != 1:
        raise ModelError(
            f"{path} takes {batch.get_length()} images a call and is calibrated with single ones; "
            "export it with --batch-size 0"
        )
    apply_moc_transformations(network, cf=True)
    return FloatDetector(path, network, record, record.input_size_hw, len(record.classes))


def _record_text(network: Any, path: str) -> str:
    for place in ([RECORD_KEY], ["framework", RECORD_KEY]):
        if network.has_rt_info(place):
            return str(network.get_rt_info(place).astype(str))
    raise ModelError(
        f"{path} carries no record of a detector; export it with scripts/export_ssd.py"
    )


def _name(operator: Any) -> str:
    return str(operator.get_friendly_name())


def _has_weights(operator: Any) -> bool:
    return operator.get_type_name() in _WITH_WEIGHTS


def _with_what_they_read(network: Any, names: tuple[str, ...]) -> set[str]:
    """Some operators and all on whose values theirs depend."""
    found = set(names)
    for each in reversed(network.get_ordered_ops()):
        if _name(each) in found:
            found |= {_name(source.get_node()) for source in each.input_values()}
    return found


def _count(shape: Any) -> int:
    """Values of an output for one image."""
    total = 1
    for size in shape:
        total *= size.get_length() if size.is_static else 1
    return total
