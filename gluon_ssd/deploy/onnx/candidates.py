"""The int8 forms of one detector, in any number: calibrated once, quantised often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from gluon_ssd.deploy.onnx.float_detector import FloatDetector
from gluon_ssd.deploy.onnx.quantize import quantized_model
from gluon_ssd.deploy.onnx.ranges import collect_ranges, session_of, with_outputs
from gluon_ssd.deploy.ranges.cut import Range

Floats = NDArray[np.float32]

_MODES = {"minmax": "naive", "kl": "entropy"}
_ROUNDED = "_DequantizeLinear_Output"
"""ONNX Runtime's quantiser calls a value so behind the pair of operators that round it."""


class Candidates:
    """Makes quantised models of one detector.

    Args:
        detector: in float32.
        images: float32 (N, 3, H, W), normalised, for calibration.
        form: of `ONNX_FORMS`.
        per_channel: whether every output channel of the weights has a scale of its own.
        check: called before every image that is run; may raise.

    Attributes:
        check: see above.
    """

    def __init__(
        self,
        detector: FloatDetector,
        images: Floats,
        *,
        form: str,
        per_channel: bool,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.detector, self.check = detector, check
        self._images, self._form, self._per_channel = images, form, per_channel
        self._known: dict[tuple[int, str], dict[str, Range]] = {}

    def model(
        self, nodes: Mapping[str, str], num_images: int, *, form: str = ""
    ) -> onnx.ModelProto:
        """The quantised model.

        Args:
            nodes: operator -> "minmax" or "kl" where it is int8, anything else where it is not.
            num_images: calibration images, the first ones.
            form: another one than usual.

        Raises:
            ModelError: it cannot be quantised.
        """
        chosen = {name: kind for name, kind in nodes.items() if kind in _MODES}
        return quantized_model(
            self.detector,
            self._ranges(chosen, num_images),
            list(chosen),
            form=form or self._form,
            per_channel=self._per_channel,
        )

    def outputs_of(
        self, names: Sequence[str], images: Floats, nodes: Mapping[str, str], num_images: int
    ) -> list[Floats]:
        """What some operators give in a quantised model, rounded as it is there, each (B, ...).

        Args:
            names: of operators.
            images: float32 (B, 3, H, W).
            nodes, num_images: see `model`; without nodes the float32 detector is run.
        """
        model = self.model(nodes, num_images, form="qdq") if nodes else self.detector.model
        there = {output for node in model.graph.node for output in node.output}
        tensors = []
        for name in names:
            tensor = self._last_output(name)
            rounded = f"{tensor}{_ROUNDED}"
            tensors.append(rounded if rounded in there else tensor)
        session = session_of(with_outputs(model, tensors))
        (entry,) = session.get_inputs()
        self.check()
        size = self.detector.batch or len(images)
        found = [
            session.run(tensors, {entry.name: images[start : start + size]})
            for start in range(0, len(images) - size + 1, size)
        ]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    @property
    def last_operators(self) -> tuple[str, ...]:
        """The operators behind which no other one comes: what makes the predictions."""
        operators = self.detector.operators
        read = {name for node in operators.values() for name in node.input}
        return tuple(name for name in operators if self._last_output(name) not in read)

    def _last_output(self, name: str) -> str:
        """The output of an operator, or of what follows it as a part of it."""
        output: str = self.detector.operators[name].output[0]
        for node in self.detector.followers.values():
            if node.input[0] == output:
                return str(node.output[0])
        return output

    def _ranges(self, nodes: Mapping[str, str], num_images: int) -> dict[str, Range]:
        """The range of each tensor, by the algorithm of the operator that makes it."""
        detector = self.detector
        kind_of: dict[str, str] = {}
        for name, kind in nodes.items():
            node = detector.operators[name]
            for tensor in detector.inputs_of(node):
                kind_of.setdefault(tensor, kind)
            kind_of[node.output[0]] = kind_of[self._last_output(name)] = kind
        usual = next(iter(nodes.values()), "minmax")
        return {
            tensor: self._calibrated(num_images, kind_of.get(tensor, usual))[tensor]
            for tensor in detector.tensors
        }

    def _calibrated(self, num_images: int, algorithm: str) -> dict[str, Range]:
        key = num_images, algorithm
        if key not in self._known:
            self._known[key] = collect_ranges(
                self.detector,
                [self._images[:num_images]],
                mode=_MODES[algorithm],
                progress=lambda stage, done, total: self.check(),
            )
        return self._known[key]


def weight_bytes(model: onnx.ModelProto) -> int:
    """Bytes of all constants of a model, weights above all."""
    return sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)


def write_model(model: onnx.ModelProto, path: str | Path) -> None:
    """Write a model to a file that nobody reads before it is whole. Raises OSError."""
    Path(path).write_bytes(model.SerializeToString())
