"""Find the range of values of every tensor that is to be rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from gluon_ssd.deploy.onnx.float_detector import FloatDetector
from gluon_ssd.deploy.ranges.cut import Range, entropy_range
from gluon_ssd.deploy.ranges.histogram import Histogram
from gluon_ssd.errors import ModelError

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
Floats = NDArray[np.float32]

_LEAST, _LARGEST = "ReduceMin", "ReduceMax"
_NAIVE_SHARE, _ENTROPY_SHARE = 4, 1
"""Images a pass; entropy needs every value on this side."""


def collect_ranges(
    detector: FloatDetector,
    batches: Sequence[Floats],
    *,
    mode: str,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """Ranges over all calibration images; the order of the images does not matter.

    Memory does not grow with their number: extremes or histograms are kept, never the values.

    Args:
        detector: in float32.
        batches: float32 (B, 3, H, W), normalised.
        mode: "naive" takes the least and the largest value; "entropy" cuts rare large values off,
            see `entropy_range`.
        progress: called as images are done.

    Returns:
        Name of each tensor of `detector.tensors` -> (least, largest) value.

    Raises:
        ModelError: some value of a tensor is not finite.
    """
    collect = _extremes if mode == "naive" else _cut_ranges
    found = collect(detector, batches, progress)
    return {name: _usable(name, *extremes) for name, extremes in found.items()}


def session_of(model: onnx.ModelProto) -> Any:
    """A model in ONNX Runtime, on one thread for each core."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _usable(name: str, low: float, high: float) -> Range:
    if not np.isfinite([low, high]).all():
        raise ModelError(
            f"the output {name} of the fp32 network is not finite for some calibration image; "
            "check its weights and how the images are normalised"
        )
    # A layer that gives zeros only: any range will do, but none of size 0, by which is divided.
    return (low, high) if max(-low, high) > 0 else (0.0, 1.0)


def with_outputs(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """A copy of a model that gives some of its tensors, and nothing else."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    return changed


def _feeds(
    detector: FloatDetector, batches: Sequence[Floats], share: int, session: Any
) -> Iterator[tuple[dict[str, Floats], int]]:
    """Feeds of the images in small shares, and how many are done after each.

    A model for a fixed number of images gets as many; the last one fills up.
    """
    done, size = 0, detector.batch or share
    name = session.get_inputs()[0].name
    for batch in batches:
        for start in range(0, len(batch), size):
            images = np.ascontiguousarray(batch[start : start + size])
            done += len(images)
            if detector.batch and len(images) < size:
                images = np.concatenate([images, *[images[-1:]] * (size - len(images))])
            yield {name: images}, done


def _extremes(
    detector: FloatDetector, batches: Sequence[Floats], progress: Progress | None
) -> dict[str, Range]:
    tensors = detector.tensors
    model = onnx.ModelProto()
    model.CopyFrom(detector.model)
    outputs = [f"{name}/{kind}" for name in tensors for kind in (_LEAST, _LARGEST)]
    for name in tensors:
        for kind in (_LEAST, _LARGEST):
            node = onnx.helper.make_node(kind, [name], [f"{name}/{kind}"], keepdims=0)
            model.graph.node.append(node)
    session = session_of(with_outputs(model, outputs))
    lowest, highest = np.full(len(tensors), np.inf), np.full(len(tensors), -np.inf)
    total = sum(map(len, batches))
    for feed, done in _feeds(detector, batches, _NAIVE_SHARE, session):
        values = np.array(session.run(outputs, feed), np.float64)
        lowest = np.minimum(lowest, values[0::2])
        highest = np.maximum(highest, values[1::2])
        if progress:
            progress("calibrate", done, total)
    pairs = zip(lowest.tolist(), highest.tolist(), strict=True)
    return dict(zip(tensors, pairs, strict=True))


def _cut_ranges(
    detector: FloatDetector, batches: Sequence[Floats], progress: Progress | None
) -> dict[str, Range]:
    tensors = detector.tensors
    histograms: Mapping[str, Histogram] = {name: Histogram() for name in tensors}
    session = session_of(with_outputs(detector.model, tensors))
    total = sum(map(len, batches))
    for feed, done in _feeds(detector, batches, _ENTROPY_SHARE, session):
        for name, values in zip(tensors, session.run(list(tensors), feed), strict=True):
            _usable(name, float(values.min()), float(values.max()))
            histograms[name].add(values)
        if progress:
            progress("calibrate", done, total)
    return {name: _within(histogram) for name, histogram in histograms.items()}


def _within(histogram: Histogram) -> Range:
    """The cut range, and no more than the values take: zero is at no fixed place here."""
    low, high = entropy_range(histogram)
    return max(low, min(0.0, histogram.lowest)), min(high, max(0.0, histogram.highest))
