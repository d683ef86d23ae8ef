"""Change what a graph of OpenVINO says of its detector; graph and weights stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.files import atomic_write
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.xml_text import parse_xml

_MOST_BYTES = 256 << 20


def change_record(path: str, change: Callable[[ModelRecord], ModelRecord]) -> str:
    """Write another record into the .xml file of a graph; returns its path.

    Args:
        path: of a file that was loaded before.
        change: makes the new record of the one that is there.

    Raises:
        ModelError: it cannot be read, or carries no record.
        WeightsError: the record is damaged.
        EnvironmentProblem: the file cannot be written.
    """
    try:
        text = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; export it anew") from error
    root = parse_xml(text, path, error=ModelError)
    entry = root.find(f"rt_info/{RECORD_KEY}")
    if entry is None or "value" not in entry.attrib:
        raise ModelError(f"{path} carries no record; export it with scripts/export_ssd.py")
    record = change(ModelRecord.from_json(entry.attrib["value"], path))
    entry.set("value", json.dumps(record.to_object()))
    with atomic_write(path) as file:
        file.write(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return path
