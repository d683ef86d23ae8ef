"""A run as one JSON object a line, with the keys of NVIDIA's SSD300 script.

| type | step | data |
|---|---|---|
| PARAMETER | [] | every option |
| LOG | [epoch, iteration] | loss: the mean since the last line |
| LOG | [epoch] | time: seconds of the epoch; mAP: after a validation; model path: of a checkpoint |
| LOG | [] | at the end: total time, mAP; of a benchmark avg_img/sec, med_, min_, max_img/sec |

Each line also has "time", seconds since 1970.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gluon_ssd.system.files import LineFile, without_nan


class JsonSummary:
    """Writes the file; a watcher of a run. A context that holds it open.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file, self._began_s = LineFile(path), time.monotonic()

    def __enter__(self) -> JsonSummary:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, step: Sequence[int], data: Mapping[str, Any], *, kind: str = "LOG") -> None:
        """Add a line. Raises EnvironmentProblem when the disk is full."""
        line = {"type": kind, "time": round(time.time(), 3), "step": list(step), "data": dict(data)}
        self._file.write(json.dumps(without_nan(line), default=str))

    def __call__(self, event: str, at: tuple[int, int], fields: Mapping[str, Any]) -> None:
        """See `training.plan.Watcher`."""
        if event in ("start", "resume"):
            self.write((), fields["options"], kind="PARAMETER")
        elif event == "interval":
            self.write(at, {"loss": sum(fields[name] for name in fields["losses"])})
        elif event == "epoch":
            self.write((fields["epoch"],), {"time": fields["seconds"]})
        elif event == "validation":
            self.write((fields["epoch"],), {"mAP": fields["score"]})
        elif event == "checkpoint":
            self.write(at[:1], {"model path": fields["file"]})
        elif event == "end":
            seconds = round(time.monotonic() - self._began_s, 3)
            self.write((), {"total time": seconds, "mAP": fields["best_score"]})
