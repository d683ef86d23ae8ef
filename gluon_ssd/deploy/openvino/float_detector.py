"""A float32 detector as OpenVINO reads it, ready to be quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openvino._offline_transformations import apply_moc_transformations

from gluon_ssd.deploy.engine import EngineModel, detector_of
from gluon_ssd.deploy.openvino.model import (
    OpenvinoEngine,
    is_quantised,
    read_network,
)
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.wording import some_of

_WITH_WEIGHTS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
"""Types of the operators that int8 makes fast."""
_NO_WORK = ("Constant", "Parameter", "Result")
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

    def operators_named(self, layers: Sequence[str]) -> tuple[str, ...]:
        """The operators of some layers, which may be called by the names of either.

        Raises:
            OptionError: there is no such layer.
        """
        known = self.layer_names()
        known |= {operator: operator for operator in self.weighted}
        for name in layers:
            if name not in known:
                raise OptionError(
                    f"{self.path} has no layer {name!r}; layers are "
                    f"{some_of(self.layer_names(), most=12)}",
                    settings=("calib_exclude",),
                )
        return tuple(known[name] for name in layers)

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
        ModelError: the file cannot be used, is no raw detector of this project, is quantised
            already, or takes batches of one size that is not 1.
        WeightsError: its record is damaged.
    """
    network = read_network(path)
    if is_quantised(network):
        raise ModelError(f"{path} is quantised already; give the float32 model it was made from")
    engine = OpenvinoEngine(network, path)
    model = detector_of(path, engine, engine.record, precision="float32")
    if not isinstance(model, EngineModel):
        raise ModelError(
            f"{path} is not in the raw form, so that its decoding would be quantised too; export "
            "it with --form raw"
        )
    batch = engine.input[2][0]
    if batch not in (None, 1):
        raise ModelError(
            f"{path} takes {batch} images a call and is calibrated with single ones; export it "
            "with --batch-size 0"
        )
    apply_moc_transformations(network, cf=True)
    return FloatDetector(path, network, model.record, model.input_size_hw, model.num_classes)


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
