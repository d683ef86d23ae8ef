"""The processes of the benchmark beside busy programs: a detector that is timed, and busy loops.

No framework is imported but that of the model.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.report.timing import finish
from gluon_ssd.system.load import LoadMeter
from gluon_ssd.system.processes import end_with_parent


def serve_detector(path: str, backend: str, side: int) -> None:
    """Load a detector, print a line, then answer every line of stdin with the times of calls.

    A request is JSON: `warm_up`, seconds of calls that do not count, and `seconds` of those that
    do. The answer: `ms`, time of each call from images in memory to detections; `threads`, how many
    computed, as the average of all calls; `others`, cores that other programs used meanwhile.
    """
    end_with_parent()
    model = load_detector(path, input_size_hw=(side, side), backend=backend)
    rng = np.random.default_rng(0)
    images = model.place(rng.normal(0, 1, (1, 3, *model.input_size_hw)).astype(np.float32))
    finish(model.run(images))
    _answer({"ready": model.input_size_hw})
    for line in sys.stdin:
        request = json.loads(line)
        _calls(model, images, request["warm_up"])
        _answer(_calls(model, images, request["seconds"]))


def _calls(model: RuntimeModel, images: Any, seconds: float) -> dict[str, Any]:
    times_ms: list[float] = []
    threads, load, end = 0, LoadMeter(), time.perf_counter() + seconds
    while not times_ms or time.perf_counter() < end:
        start = time.perf_counter()
        finish(model.run(images))
        times_ms.append(1000 * (time.perf_counter() - start))
        threads += model.threads
    others = load.cores_of_others() or 0.0
    return {"ms": times_ms, "threads": threads / len(times_ms), "others": others}


def _answer(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def burn(niceness: int) -> None:
    """Keep one core busy until the parent ends or lets go."""
    end_with_parent()
    os.nice(niceness)
    with suppress(OSError):
        # A session of its own has a share of its own, to which the line above means nothing.
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")
    while True:
        pass
