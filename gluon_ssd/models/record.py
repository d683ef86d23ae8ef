"""What travels with every saved model: its name, classes, input size, normalisation, NMS.

Beside a parameter file `X.params` it is the JSON file `X.json`; an exported symbol carries it
inside its own file, among the graph's attributes, where MXNet's loader lets it be.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import DataError, WeightsError
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.system.files import atomic_write, read_json

_ATTRIBUTE = "gluon_ssd_model"


@dataclass(frozen=True)
class SavedModel:
    """Facts needed to use a model that its arrays do not tell.

    Attributes:
        name: registry name of the network.
        classes: foreground class names in the order of the heads.
        input_size_hw: (height, width) it was made for, px.
        mean, std: normalisation of RGB in 0..1.
        nms_thresh, nms_topk, post_nms, score_thresh: decoding, as in `DetectionDecoder`.
    """

    name: str
    classes: tuple[str, ...]
    input_size_hw: tuple[int, int]
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    nms_thresh: float = 0.45
    nms_topk: int = 400
    post_nms: int = 100
    score_thresh: float = 0.01

    @classmethod
    def of(cls, network: SsdNetwork) -> SavedModel:
        """The record of a network, with the zoo's decoding."""
        return cls(network.name, network.classes, network.input_size_hw, network.mean, network.std)

    def to_json(self) -> str:
        """One JSON object, readable by people."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> SavedModel:
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
        return cls._from_object(found, source)

    @classmethod
    def _from_object(cls, found: Any, source: str) -> SavedModel:
        if not isinstance(found, Mapping):
            raise WeightsError(f"{source} must hold one JSON object; got {type(found).__name__}")
        known = {}
        for field in fields(cls):
            if field.name in found:
                known[field.name] = _checked(field.name, found[field.name], source)
        missing = [name for name in ("name", "classes", "input_size_hw") if name not in known]
        if missing:
            raise WeightsError(f"{source} lacks {', '.join(missing)}; write the model anew")
        return cls(**known)


_NUMBERS = {"input_size_hw": 2, "mean": 3, "std": 3}


def _checked(key: str, value: Any, source: str) -> Any:
    """The value in its own type. Raises WeightsError naming file and key."""
    if key == "name":
        is_right = isinstance(value, str)
    elif key == "classes":
        is_right = _is_list(value, str) and len(value) > 0
    elif key in _NUMBERS:
        is_right = _is_list(value, (int, float)) and len(value) == _NUMBERS[key]
    else:
        is_right = isinstance(value, (int, float))
    if not is_right:
        raise WeightsError(f"{source}: {key} cannot be {value!r}; write the model anew")
    return tuple(value) if isinstance(value, list) else value


def _is_list(value: Any, of: Any) -> bool:
    return isinstance(value, Sequence) and all(isinstance(entry, of) for entry in value)


def sidecar_path(params_path: str | os.PathLike[str]) -> Path:
    """`X.params` -> `X.json`."""
    return Path(params_path).with_suffix(".json")


def write_sidecar(params_path: str | os.PathLike[str], model: SavedModel) -> None:
    """Write the record beside a parameter file. Raises EnvironmentProblem when it cannot."""
    with atomic_write(sidecar_path(params_path), "w") as file:
        file.write(model.to_json())


def read_sidecar(params_path: str | os.PathLike[str]) -> SavedModel | None:
    """The record beside a parameter file; None when there is none.

    Raises:
        WeightsError: there is one, but it is damaged.
    """
    path = sidecar_path(params_path)
    if not path.is_file():
        return None
    return SavedModel._from_object(_read(path), str(path))


def write_symbol_metadata(symbol_path: str | os.PathLike[str], model: SavedModel) -> None:
    """Put the record into an exported symbol file.

    Args:
        symbol_path: `PREFIX-symbol.json`; rewritten.
        model: the record.

    Raises:
        WeightsError: the file is no symbol.
        EnvironmentProblem: it cannot be written.
    """
    graph = _read_graph(symbol_path)
    graph.setdefault("attrs", {})[_ATTRIBUTE] = ["str", json.dumps(asdict(model))]
    with atomic_write(symbol_path, "w") as file:
        json.dump(graph, file, indent=2)


def read_symbol_metadata(symbol_path: str | os.PathLike[str]) -> SavedModel | None:
    """The record inside an exported symbol file; None when the file was made elsewhere.

    Raises:
        WeightsError: the file is missing, no symbol, or its record is damaged.
    """
    entry = _read_graph(symbol_path).get("attrs", {}).get(_ATTRIBUTE)
    if entry is None:
        return None
    source = os.fspath(symbol_path)
    if not (_is_list(entry, str) and len(entry) == 2):
        raise WeightsError(f"{source}: its attribute {_ATTRIBUTE} is damaged; export it anew")
    return SavedModel.from_json(entry[1], source)


def _read_graph(symbol_path: str | os.PathLike[str]) -> dict[str, Any]:
    graph = _read(symbol_path)
    if not isinstance(graph, dict) or "nodes" not in graph:
        raise WeightsError(f"{os.fspath(symbol_path)} is no MXNet symbol; give a -symbol.json file")
    return graph


def _read(path: str | os.PathLike[str]) -> Any:
    try:
        return read_json(path)
    except DataError as error:
        raise WeightsError(str(error)) from error
