"""One record says what a detector is, and travels with it everywhere.

Beside a parameter file `X.params` it is the JSON file `X.json`; exported models carry it inside
their own files. No framework is needed to read it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.detection.decoding import RELATIVE_TO, SCORE_ACTIVATIONS, TOPK_OF, Decoding
from gluon_ssd.detection.input_format import RESIZES, InputFormat
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import WeightsError
from gluon_ssd.system.files import atomic_write
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular


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
        thresholds: smallest score of each class that is shown where no other is asked for; empty
            for none of their own.
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
    thresholds: tuple[float, ...] = ()
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
        found = parse_json(text, f"{source}: its record", error=WeightsError, advice=_ADVICE)
        return cls.from_object(found, source)

    @classmethod
    def from_object(cls, found: Any, source: str) -> ModelRecord:
        """As `from_json`, of a JSON object that was parsed already."""
        if not isinstance(found, Mapping):
            raise WeightsError(f"{source} must hold one JSON object; got {type(found).__name__}")
        own, coding = _known_fields(cls, found, source), _known_fields(Decoding, found, source)
        missing = [name for name in ("name", "classes", "input_size_hw") if name not in own]
        if missing:
            raise WeightsError(f"{source} lacks {', '.join(missing)}; {_ADVICE}")
        _check_classes(own["classes"], source)
        if len(own.get("thresholds", ())) not in (0, len(own["classes"])):
            raise WeightsError(
                f"{source}: {len(own['classes'])} classes cannot have {len(own['thresholds'])} "
                f"thresholds; {_ADVICE}"
            )
        return cls(**own, decoding=Decoding(**coding))


_ADVICE = "write the model anew"
_CHOICES = {
    "score_activation": SCORE_ACTIVATIONS,
    "relative_to": RELATIVE_TO,
    "topk_of": TOPK_OF,
    "resize": RESIZES,
}
_LENGTHS = {"input_size_hw": 2, "mean": 3, "std": 3, "stds": 4}
_LARGEST = 1e6
_RANGES: dict[str, tuple[float, float]] = {
    "input_size_hw": (8, 8192),
    "mean": (-_LARGEST, _LARGEST),
    "std": (1e-6, _LARGEST),
    "value_range": (1e-6, _LARGEST),
    "edge_px": (0, 1),
    "nms_thresh": (-_LARGEST, _LARGEST),  # outside of 0 to 1 it turns suppression off
    "nms_topk": (-(2**31), 2**31 - 1),  # below 1 it stands for all, as post_nms does
    "post_nms": (-(2**31), 2**31 - 1),
    "score_thresh": (-1, 1),
    "thresholds": (0, 1),
    "stds": (1e-6, _LARGEST),
    "level_anchors": (1, 2**31 - 1),
    "size_clip": (0, _LARGEST),
}
"""Least and largest of every number; std and stds are divided by or by which boxes are."""
_INTEGERS = {"input_size_hw", "level_anchors", "edge_px", "nms_topk", "post_nms"}
_TYPES: dict[str, type] = {"str": str, "bool": bool}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What would break a line or a terminal."""
_LONGEST_TEXT, _MOST_CLASSES = 500, 100_000
_MOST_BYTES = 16 << 20  # of a record beside parameters


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
        is_right = isinstance(value, list) and 0 < len(value) <= _MOST_CLASSES
    elif key == "weights_from":  # names files, whatever they are called
        is_right = isinstance(value, str)
        value = _CONTROL.sub("\ufffd", value)[:_LONGEST_TEXT] if is_right else value
    elif key in _CHOICES:
        is_right = isinstance(value, str) and value in _CHOICES[key]
    elif key in ("level_anchors", "thresholds") or key in _LENGTHS:
        is_right = (
            isinstance(value, list)
            and len(value) == _LENGTHS.get(key, len(value))
            and all(_is_number(key, entry) for entry in value)
        )
    elif key in _RANGES:
        is_right = _is_number(key, value)
    else:
        is_right = isinstance(value, _TYPES[kind]) and not (kind == "str" and not _is_text(value))
    if not is_right:
        raise WeightsError(f"{source}: {key} cannot be {_shown(value)}; {_ADVICE}")
    return tuple(value) if isinstance(value, list) else value


def _is_number(key: str, value: Any) -> bool:
    """Whether a value of JSON is a number of the kind and range that a key has."""
    types = int if key in _INTEGERS else (int, float)
    least, largest = _RANGES[key]
    return isinstance(value, types) and not isinstance(value, bool) and least <= value <= largest


def _is_text(value: Any) -> bool:
    """Whether a value is a text of one line, not empty."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= _LONGEST_TEXT
        and not _CONTROL.search(value)
    )


def _check_classes(classes: tuple[Any, ...], source: str) -> None:
    """Raise WeightsError unless all are texts of one line, each another one."""
    for number, name in enumerate(classes):
        if not _is_text(name):
            raise WeightsError(
                f"{source}: class {number} cannot be called {_shown(name)}; {_ADVICE}"
            )
    twice = [name for name, times in Counter(classes).items() if times > 1]
    if twice:
        raise WeightsError(f"{source}: several classes are called {_shown(twice[0])}; {_ADVICE}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def sidecar_path(params_path: str | os.PathLike[str]) -> Path:
    """`X.params` -> `X.json`."""
    return Path(params_path).with_suffix(".json")


def write_sidecar(params_path: str | os.PathLike[str], record: ModelRecord) -> None:
    """Write the record beside a parameter file. Raises EnvironmentProblem when it cannot."""
    with atomic_write(sidecar_path(params_path), "w") as file:
        file.write(record.to_json())


def remove_other_sidecar(params_path: str | os.PathLike[str], record: ModelRecord) -> None:
    """Remove the record beside a parameter file that is about to be replaced, unless it stays so.

    A kill between the two files then leaves weights without a record, and not with that of others,
    whose names of classes would be taken for theirs.
    """
    path = sidecar_path(params_path)
    with suppress(OSError):
        try:
            is_same = read_regular(path, _MOST_BYTES) == record.to_json().encode()
        except OSError:
            is_same = False
        if not is_same:
            path.unlink()


def read_sidecar(params_path: str | os.PathLike[str]) -> ModelRecord | None:
    """The record beside a parameter file; None when there is none.

    Raises:
        WeightsError: there is one, but it is damaged.
    """
    path = sidecar_path(params_path)
    if not path.exists():
        return None
    try:
        text = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    found = parse_json(text, str(path), error=WeightsError, advice=_ADVICE)
    return ModelRecord.from_object(found, str(path))
