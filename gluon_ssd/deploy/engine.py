"""A graph that a runtime other than MXNet has compiled, and the detectors that it makes."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.onnx.names import ANCHORS, FORMS, IMAGE, OFFSETS, SCORES, form_of
from gluon_ssd.deploy.raw_model import RawModel
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.raw_decoding import check_raw_decoding
from gluon_ssd.errors import ModelError, WeightsError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.wording import some_of

Array = NDArray[Any]
Floats = NDArray[np.float32]
Shape = tuple[int | None, ...]
"""Of an array; None where a length is not fixed."""


class Engine(ABC):
    """A compiled graph of one input, images. Any number of threads may call it.

    Attributes:
        threads: that compute, over all streams.
        streams: calls that are computed beside one another.
        input: what it takes: name, type as NumPy calls it, and shape; see `only_input`.
        shapes: of the outputs, by name.
        record: of the detector, as JSON.
    """

    threads: int
    streams: int
    input: tuple[str, str, Shape]
    shapes: Mapping[str, Shape]
    record: str

    @abstractmethod
    def compute(self, images: Floats, names: Sequence[str]) -> list[Array]:
        """Outputs of images float32 (B, 3, H, W), contiguous, of a length that the graph takes."""

    def in_precision(self, dtype: str) -> Engine | None:
        """The same graph compiled for another type; None where that cannot be."""
        return None

    def with_streams(self, streams: int = 0) -> Engine:
        """The same graph compiled for so many streams, as of `RuntimeModel.with_streams`."""
        return self

    def outputs(self, images: Any, names: Sequence[str]) -> list[Array]:
        """Outputs of any number of images, in the order of their names; the caller's own arrays."""
        images = np.ascontiguousarray(images, np.float32)
        batch = self.input[2][0]
        if batch is None or batch == len(images):
            return self.compute(images, names)
        parts: list[list[Array]] = []
        for start in range(0, len(images), batch):
            some = images[start : start + batch]
            full = np.zeros((batch, *images.shape[1:]), np.float32)
            full[: len(some)] = some
            parts.append(self.compute(full, names))
        columns = dict(zip(names, zip(*parts, strict=True), strict=True))
        return [
            column[0] if name == ANCHORS else np.concatenate(column)[: len(images)]
            for name, column in columns.items()
        ]


@dataclass(eq=False)
class OfEngine(RuntimeModel):
    """What a detector has from its engine and record, whatever its form."""

    name: str
    engine: Engine
    record: ModelRecord
    precision: str

    @property
    def input_size_hw(self) -> tuple[int, int]:  # type: ignore[override]
        """Height and width of the images it takes, px."""
        return self.record.input_size_hw

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """Foreground classes."""
        return len(self.record.classes)

    @property
    def threads(self) -> int:
        """Threads that compute."""
        return self.engine.threads

    @property
    def streams(self) -> int:
        """Batches that are computed beside one another."""
        return self.engine.streams

    def with_streams(self, streams: int = 0) -> Self:
        """The same model compiled for so many streams."""
        return replace(self, engine=self.engine.with_streams(streams))

    def in_precision(self, dtype: str) -> Self:
        """The same model compiled for another type."""
        if self.precision == "int8":
            raise ModelError(
                f"{self.name} computes in int8 already; run it in float32", settings=("dtype",)
            )
        engine = self.engine.in_precision(dtype)
        if engine is None:
            raise ModelError(f"{self.name} cannot run in {dtype}", settings=("dtype",))
        return replace(self, engine=engine, precision=dtype)


@dataclass(eq=False)
class EngineModel(OfEngine, RawModel):
    """A detector in the raw form; see `RawModel`."""

    _anchors: Floats | None = field(default=None, repr=False)

    @property
    def anchors(self) -> Floats | None:  # type: ignore[override]
        """See `RawModel`."""
        if self._lacks_anchors:
            self.raw_outputs(np.zeros((1, 3, *self.input_size_hw), np.float32))
        return self._anchors

    @property
    def _lacks_anchors(self) -> bool:
        return self._anchors is None and ANCHORS in self.engine.shapes

    def raw_outputs(self, images: Floats) -> tuple[Floats, Floats]:
        """See `RawModel`."""
        if not self._lacks_anchors:
            scores, offsets = self.engine.outputs(images, (SCORES, OFFSETS))
            return scores, offsets
        # They are a constant of the graph, which comes with the outputs of any images.
        scores, offsets, self._anchors = self.engine.outputs(images, (SCORES, OFFSETS, ANCHORS))
        return scores, offsets


@dataclass(eq=False)
class WholeModel(OfEngine):
    """A detector with decoding and suppression inside its graph.

    Attributes:
        form: "zoo" or "detections", of `names.FORMS`.
    """

    form: str

    def run(self, images: Any) -> tuple[Any, Any, Any]:
        """Detect objects; see `RuntimeModel`."""
        self.check_size(images)
        if self.form == "detections":
            ids, scores, bboxes = self.engine.outputs(images, FORMS[self.form])
        else:
            ids, scores, bboxes = _joined([self._zoo_rows(image[np.newaxis]) for image in images])
        self._check_labels(ids)
        return ids, scores, bboxes

    def _check_labels(self, ids: Array) -> None:
        """Raise WeightsError for a class without a name: its file shows their number only here."""
        if ids.size and ids.max() >= self.num_classes:
            raise WeightsError(
                f"{self.name} found an object of class {int(ids.max())}, and its record names "
                f"{self.num_classes} classes, counted from 0 ({some_of(self.record.classes)}); "
                "export it anew"
            )

    def _zoo_rows(self, image: Any) -> Floats:
        """Rows (N, 6) of class, score and corners in input px."""
        bboxes, labels, scores = (a[0] for a in self.engine.outputs(image, FORMS["zoo"]))
        height, width = self.input_size_hw
        bboxes = bboxes * np.array([width, height] * 2, np.float32)
        return np.column_stack([labels - 1, scores, bboxes]).astype(np.float32)


def _joined(images: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Rows of several images, as many for each; unused ones are -1."""
    most = max([1, *map(len, images)])
    rows = np.full((len(images), most, 6), -1, np.float32)
    for place, own in zip(rows, images, strict=True):
        place[: len(own)] = own
    return rows[..., :1], rows[..., 1:2], rows[..., 2:]


def require_record(path: str, text: str | None) -> str:
    """The record that a file has, as JSON. Raises ModelError where it has none."""
    if text is None:
        raise ModelError(
            f"{path} is no detector that this project wrote: it carries no record; export it with "
            "scripts/export_ssd.py"
        )
    return text


def detector_of(
    path: str, engine: Engine, record_text: str, *, precision: str
) -> EngineModel | WholeModel:
    """The detector that a compiled file is.

    Args:
        path: of the file, for messages.
        engine: what computes.
        record_text: the record as JSON.
        precision: "float32" or "int8".

    Raises:
        ModelError: its input or outputs are not those of a detector, or its decoding is none that
            is done here.
        WeightsError: the record is damaged, or names too few classes or too many.
    """
    record = ModelRecord.from_json(record_text, path)
    _check_input(path, engine, record)
    form = form_of(list(engine.shapes))
    if not form:
        known = ", or ".join(", ".join(names) for names in FORMS.values())
        raise ModelError(
            f"{path} has the outputs {', '.join(engine.shapes)}; a detector has {known}: export it "
            "anew"
        )
    if form != "raw":
        return WholeModel(path, engine, record, precision, form)
    model = EngineModel(path, engine, record, precision)
    _check_outputs(model)
    check_raw_decoding(record.decoding)
    return model


_MOST_IMAGES = 4096  # a call; fewer images are filled up to what the file says


def _check_input(path: str, engine: Engine, record: ModelRecord) -> None:
    name, dtype, shape = engine.input
    if shape and shape[0] is not None and not 0 < shape[0] <= _MOST_IMAGES:
        raise ModelError(
            f"{path} takes {shape[0]} images a call, allowed are 1 to {_MOST_IMAGES}; export it "
            "anew"
        )
    if dtype == "uint8":
        raise ModelError(
            f"{path} takes pictures as they are and prepares them itself, for programs without "
            "this package; to run it here, export it without --fold-preprocessing"
        )
    wanted = (3, *record.input_size_hw)
    if name != IMAGE or dtype != "float32" or len(shape) != 4 or shape[1:] != wanted:
        raise ModelError(
            f"{path} takes {name!r}, {dtype} {_shown(shape)}; its record says {IMAGE!r}, float32 "
            f"{_shown((None, *wanted))}: export it anew"
        )


def _check_outputs(model: EngineModel) -> None:
    """Raise ModelError unless the outputs have the columns and anchors that belong together.

    Raises WeightsError where the record names another number of classes than there are scores.
    """
    decoding, shapes = model.record.decoding, model.engine.shapes
    columns = model.num_classes + decoding.has_background
    logits, offsets = shapes[SCORES], shapes[OFFSETS]
    if len(logits) == 3 and logits[2] is not None and logits[2] != columns:
        raise WeightsError(
            f"{model.name} computes scores of {logits[2] - decoding.has_background} classes, and "
            f"its record names {model.num_classes} ({some_of(model.record.classes)}); export it "
            "anew"
        )
    anchors = (logits[1], 4) if decoding.relative_to == "anchors" and len(logits) == 3 else None
    fits = (
        (len(logits), len(offsets)) == (3, 3)
        and (logits[2], offsets[2]) == (columns, 4)
        and logits[1] == offsets[1]
        and shapes.get(ANCHORS) == anchors
    )
    if not fits:
        got = ", ".join(f"{name} {_shown(shape)}" for name, shape in shapes.items())
        raise ModelError(
            f"{model.name} has the outputs {got}, which do not fit its {model.num_classes} classes "
            "and its decoding: export it anew"
        )


def _shown(shape: Shape) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def only_input(path: str, inputs: Sequence[Any]) -> Any:
    """The one of the inputs of a graph. Raises ModelError where there are not one."""
    if len(inputs) != 1:
        raise ModelError(f"{path} takes {len(inputs)} inputs, a detector one; export it anew")
    return inputs[0]


def check_readable(path: str) -> None:
    """Raise ModelError, in words, for a file that is not there or cannot be read."""
    try:
        with open(path, "rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error
    if is_empty:
        raise ModelError(f"{path} is empty; export it anew")
