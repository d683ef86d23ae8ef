"""Change what an ONNX file says of its detector; the graph stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable

import onnx
from google.protobuf.message import DecodeError

from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.files import atomic_write


def change_record(path: str, change: Callable[[ModelRecord], ModelRecord]) -> str:
    """Write another record into an ONNX file; returns its path.

    Args:
        path: of a file that was loaded before.
        change: makes the new record of the one that is there.

    Raises:
        ModelError: it cannot be read, or carries no record.
        WeightsError: the record is damaged.
        EnvironmentProblem: the file cannot be written.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise ModelError(f"cannot read {path}; export the model anew") from error
    entry = next((each for each in model.metadata_props if each.key == RECORD_KEY), None)
    if entry is None:
        raise ModelError(f"{path} carries no record; export it with scripts/export_ssd.py")
    entry.value = json.dumps(change(ModelRecord.from_json(entry.value, path)).to_object())
    with atomic_write(path) as file:
        file.write(model.SerializeToString())
    return path
