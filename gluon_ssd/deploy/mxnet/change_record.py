"""Change what an exported pair says of its detector; graph and parameters stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable

from gluon_ssd.deploy.mxnet.files import RECORD_ATTRIBUTE
from gluon_ssd.deploy.mxnet.pair import files_to_read
from gluon_ssd.deploy.mxnet.symbol_check.check import MOST_BYTES
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.files import atomic_write
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular


def change_record(path: str, change: Callable[[ModelRecord], ModelRecord]) -> str:
    """Write another record into a symbol file; returns its path.

    Args:
        path: prefix of a pair that was loaded before.
        change: makes the new record of the one that is there.

    Raises:
        ModelError: the files lie in a folder or an archive that was named, or carry no record.
        WeightsError: the record is damaged.
        EnvironmentProblem: the file cannot be written.
    """
    symbol, _ = files_to_read(path)
    try:
        text = read_regular(symbol, MOST_BYTES)
    except OSError as error:
        raise ModelError(
            f"cannot change {path}: {error.strerror}; name the prefix of an exported pair, and "
            "no folder or archive"
        ) from error
    content = parse_json(text, str(symbol), error=ModelError)
    entry = content.get("attrs", {}).get(RECORD_ATTRIBUTE)
    if entry is None:
        raise ModelError(f"{path} carries no record; export it with scripts/export_ssd.py")
    record = change(ModelRecord.from_json(entry[1], str(symbol)))
    content["attrs"][RECORD_ATTRIBUTE] = ["str", json.dumps(record.to_object())]
    with atomic_write(symbol, "w") as file:
        json.dump(content, file, indent=2)
    return str(symbol)
