"""hyperparams.json of SageMaker's Object Detection: what it says of a model beside its symbol.

It is one object in which every value is a text; numbers without quotes, as people and other tools
write them, mean the same. Most keys are about training; what the symbol says
too was trained so, and counts. Source: AWS's developer guide, "Object Detection Hyperparameters".
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gluon_ssd.errors import ModelError
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.wording import shown

if TYPE_CHECKING:  # which files are meant is known without MXNet
    from gluon_ssd.deploy.mxnet.graph import Graph

FILE_NAME = "hyperparams.json"
DETECTION = "_contrib_MultiBoxDetection"
"""The operator that decodes and suppresses in the symbols of these models."""

_ADVICE = "take the file that was written with the model, or remove it and give what it says"
_MOST_BYTES = 1 << 20
_SIDES = (8, 8192)  # px; those of a record
_MOST_CLASSES = 100_000
_LONGEST_NAME = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hyperparams:
    """What counts for inference; None, or "", where the file does not say it.

    Attributes:
        source: the file, for messages.
        base_network: "vgg-16" or "resnet-50".
        input_size_hw: height and width of the input, px.
        num_classes: foreground classes.
        nms_threshold, nms_topk: of the suppression.
    """

    source: str
    base_network: str = ""
    input_size_hw: tuple[int, int] | None = None
    num_classes: int | None = None
    nms_threshold: float | None = None
    nms_topk: int | None = None


def read_hyperparams(path: Path, source: str = "") -> Hyperparams:
    """Read the file.

    Args:
        path: where it is.
        source: what messages call it; the path by default.

    Raises:
        ModelError: it cannot be read, is not one JSON object of texts and numbers, or a value that
            counts is no number, or one that no model has.
    """
    source = source or str(path)
    try:
        text = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read {source}: {error.strerror or error}; {_ADVICE}") from error
    found = parse_json(text, source, error=ModelError, advice=_ADVICE)
    if not isinstance(found, dict):
        raise ModelError(f"{source} must hold one JSON object; got {shown(found)}; {_ADVICE}")
    found = {key: _text(key, value, source) for key, value in found.items()}
    side = _integer(found, "image_shape", _SIDES, source)
    name = found.get("base_network", "")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise _wrong(source, "base_network", name, "the name of a network")
    return Hyperparams(
        source,
        base_network=name,
        input_size_hw=None if side is None else (side, side),
        num_classes=_integer(found, "num_classes", (1, _MOST_CLASSES), source),
        nms_threshold=_fraction(found, "nms_threshold", source),
        nms_topk=_integer(found, "nms_topk", (-(2**31), 2**31 - 1), source),
    )


def _text(key: str, value: Any, source: str) -> str:
    """A value as the text that SageMaker writes for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelError(
            f'{source}: {shown(key)} must be a text or a number, as "300" or 300; got '
            f"{shown(value)}; {_ADVICE}"
        )
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if is_whole else str(value)


def _integer(found: dict[str, str], key: str, limits: tuple[int, int], source: str) -> int | None:
    text = found.get(key)
    if text is None:
        return None
    least, largest = limits
    digits = text.strip()
    is_number = digits.removeprefix("-").isdecimal() and digits.isascii() and len(digits) <= 20
    if not is_number or not least <= int(digits) <= largest:
        raise _wrong(source, key, text, f"an integer from {least} to {largest}")
    return int(digits)


def _fraction(found: dict[str, str], key: str, source: str) -> float | None:
    text = found.get(key)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise _wrong(source, key, text, "a number from 0 to 1")
    return value


def _wrong(source: str, key: str, value: Any, allowed: str) -> ModelError:
    return ModelError(f"{source}: {key} must be {allowed}; got {shown(value)}; {_ADVICE}")


def heed_hyperparams(graph: Graph, found: Hyperparams) -> None:
    """Put the suppression of a file into a symbol where that leaves it open.

    Where both say something else the symbol stays as it is, with a warning.

    Args:
        graph: with the operator `DETECTION`; changed.
        found: what the file says.
    """
    stated = {"nms_threshold": found.nms_threshold, "nms_topk": found.nms_topk}
    for node in graph.find(DETECTION):
        for key, value in stated.items():
            if value is None:
                continue
            if key not in node.attrs:
                node.attrs[key] = repr(value)
                _log.info("the symbol leaves %s open: %s has %s", key, found.source, value)
            elif not math.isclose(node.number(key, value), value, rel_tol=1e-5):
                _note(found, key, value, node.attrs[key])


def note_classes(found: Hyperparams, counted: int | None) -> int | None:
    """The number of classes: as counted in the graph, or else as the file says.

    Where they differ, a warning says that the graph counts.
    """
    if counted is not None and found.num_classes not in (None, counted):
        _note(found, "num_classes", found.num_classes, counted)
    return found.num_classes if counted is None else counted


def _note(found: Hyperparams, key: str, stated: object, own: object) -> None:
    _log.warning(
        "%s says %s %s and the symbol %s: the symbol is what was trained, and counts",
        found.source,
        key,
        stated,
        own,
    )
