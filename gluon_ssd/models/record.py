"""One record says what a detector is, and travels with it everywhere.

Beside a parameter file `X.params` it is the JSON file `X.json`; exported models carry it inside
their own files. No framework is needed to read it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.detection.decoding import RELATIVE_TO, SCORE_ACTIVATIONS, TOPK_OF, Decoding
from gluon_ssd.detection.input_format import RESIZES, InputFormat
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import DataError, WeightsError
from gluon_ssd.system.files import atomic_write, read_json


@dataclass(frozen=True)
class ModelRecord:
    """Facts needed to use a model that its arrays do not tell.

    Its JSON form is flat: the fields of `decoding` stand beside the others. What a file lacks, as
    files of earlier versions do, has the default.

    Attributes:
        name: registry name of the network.
        classes: foreground class names in the order of the heads.
        input_size_hw: (height, width) it was made for, px.
        mean, std: normalisation of each channel, after division by `value_range`.
        family: key of `families.build.FAMILIES`.
        layout, channel_order, value_range: what the input is: the order of its axes, of its
            channels, and the pixel value that counts as 1 (a pixel of 0..255 is divided by 255).
        resize: how images are resized to the input; one of `RESIZES`.
        edge_px: what the width of a COCO box had above x_max - x_min in training: 1 as GluonCV
            reads it, x_max being the last pixel; 0 where x_max is x + w.
        weights_from: where the weights came from, in words; empty when that is not known.
        has_names: whether `classes` are names; false where they only count, as of a model that
            was made without any.
        decoding: how raw outputs become detections.
    """

    name: str
    classes: tuple[str, ...]
    input_size_hw: tuple[int, int]
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    family: str = "zoo"
    layout: str = "NCHW"
    channel_order: str = "RGB"
    value_range: float = 255.0
    resize: str = RESIZES[0]
    edge_px: int = 1
    weights_from: str = ""
    has_names: bool = True
    decoding: Decoding = Decoding()

    @property
    def input_format(self) -> InputFormat:
        """How images become its input."""
        return InputFormat(self.input_size_hw, self.mean, self.std, self.resize)

    def to_object(self) -> dict[str, Any]:
        """The record as one flat JSON object."""
        fields = asdict(self)
        return {**fields, **fields.pop("decoding")}

    def to_json(self) -> str:
        """One JSON object, readable by people."""
        return json.dumps(self.to_object(), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> ModelRecord:
        """Parse what `to_json` wrote.

        Args:
            text: the JSON object; unknown keys are for later versions and ignored.
            source: the file it comes from, for messages.

        Raises:
            WeightsError: it is no such object.
        """
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise WeightsError(f"{source} holds no valid JSON: {error.msg}") from error
        return cls.from_object(found, source)

    @classmethod
    def from_object(cls, found: Any, source: str) -> ModelRecord:
        """As `from_json`, of a JSON object that was parsed already."""
        if not isinstance(found, Mapping):
            raise WeightsError(f"{source} must hold one JSON object; got {type(found).__name__}")
        own, coding = _known_fields(cls, found, source), _known_fields(Decoding, found, source)
        missing = [name for name in ("name", "classes", "input_size_hw") if name not in own]
        if missing:
            raise WeightsError(f"{source} lacks {', '.join(missing)}; write the model anew")
        return cls(**own, decoding=Decoding(**coding))


_NUMBERS = {"input_size_hw": 2, "mean": 3, "std": 3, "stds": 4}
_CHOICES = {
    "score_activation": SCORE_ACTIVATIONS,
    "relative_to": RELATIVE_TO,
    "topk_of": TOPK_OF,
    "resize": RESIZES,
}
_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,)}


def _known_fields(of: type, found: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values of a dataclass's fields that are there, each checked."""
    return {
        field.name: _checked(field.name, str(field.type), found[field.name], source)
        for field in dataclasses.fields(of)
        if field.name in found and field.name != "decoding"
    }


def _checked(key: str, kind: str, value: Any, source: str) -> Any:
    """The value in its own type. Raises WeightsError naming file and key."""
    if key == "classes":
        is_right = _is_list(value, str) and len(value) > 0
    elif key == "level_anchors":
        is_right = _is_list(value, int) and all(count > 0 for count in value)
    elif key in _NUMBERS:
        is_right = _is_list(value, (int, float)) and len(value) == _NUMBERS[key]
    elif key in _CHOICES:
        is_right = value in _CHOICES[key]
    else:
        types = _TYPES.get(kind, (int, float))
        is_right = isinstance(value, types) and (kind == "bool") == isinstance(value, bool)
    if not is_right:
        raise WeightsError(f"{source}: {key} cannot be {value!r}; write the model anew")
    return tuple(value) if isinstance(value, list) else value


def _is_list(value: Any, of: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, of) for entry in value)


def sidecar_path(params_path: str | os.PathLike[str]) -> Path:
    """`X.params` -> `X.json`."""
    return Path(params_path).with_suffix(".json")


def write_sidecar(params_path: str | os.PathLike[str], record: ModelRecord) -> None:
    """Write the record beside a parameter file. Raises EnvironmentProblem when it cannot."""
    with atomic_write(sidecar_path(params_path), "w") as file:
        file.write(record.to_json())


def read_sidecar(params_path: str | os.PathLike[str]) -> ModelRecord | None:
    """The record beside a parameter file; None when there is none.

    Raises:
        WeightsError: there is one, but it is damaged.
    """
    path = sidecar_path(params_path)
    if not path.is_file():
        return None
    try:
        return ModelRecord.from_object(read_json(path), str(path))
    except DataError as error:
        raise WeightsError(str(error)) from error
