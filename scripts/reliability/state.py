"""What a series has done so far, in one JSON file, so that it can go on where it was stopped."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from gluon_ssd.errors import OptionError
from gluon_ssd.system.files import read_json, write_json


class State:
    """The records of a series; written anew after each.

    Args:
        path: the JSON file; read where it is there.
        facts: of the series: another series in the file is refused with OptionError.
    """

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self.path, self._lock = path, threading.Lock()
        self.content: dict[str, Any] = {**facts, "records": {}}
        if path.exists():
            found = read_json(path)
            other = [key for key in facts if key != "kills" and found.get(key) != facts[key]]
            if other:
                raise OptionError(
                    f"{path} holds a series with another {other[0]}, {found.get(other[0])}; name "
                    "another file"
                )
            self.content["records"] = found["records"]

    @property
    def records(self) -> dict[str, Any]:
        """What came of each part, by its key."""
        return self.content["records"]

    def put(self, key: str, record: Any) -> None:
        """Keep the record of a part."""
        with self._lock:
            self.records[key] = json.loads(json.dumps(record))
            write_json(self.path, self.content)

    def finish(self, total: dict[str, Any]) -> None:
        """Add the sums."""
        with self._lock:
            self.content["total"] = total
            write_json(self.path, self.content)
