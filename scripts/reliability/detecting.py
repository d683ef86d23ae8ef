"""Detect in pictures for a long time, in one runtime after the other; a process of scripts/soak.py.

    python -m scripts.reliability.detecting SETTINGS.json

SETTINGS.json holds "models" (paths for `gluon_ssd.load`), "pictures" (paths), "round" (pictures
between two runtimes), "reload" (whether each turn loads its model anew), "detections" (pictures in
all), "seconds" (over which they are spread) and "progress" (a file that holds the number of
pictures so far).
"""

from __future__ import annotations

import gc
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

from gluon_ssd import Detector, load


def detect(settings: dict[str, Any]) -> int:
    """Detect until all is done; the number of boxes that were found."""
    begin, done, boxes = time.monotonic(), 0, 0
    pictures = itertools.cycle(settings["pictures"])
    detectors: dict[str, Detector] = {}
    for model in itertools.cycle(settings["models"]):
        left = settings["detections"] - done
        if left <= 0:
            return boxes
        if settings["reload"]:
            detectors.clear()
            # What waits for Python's collector is no growth.
            gc.collect()
        if model not in detectors:
            detectors[model] = load(model)
        for found in detectors[model].predict(
            itertools.islice(pictures, min(settings["round"], left))
        ):
            boxes += len(found)
            done += 1
            # Spread evenly, so that the work lasts as long as what runs beside it.
            due_s = settings["seconds"] * done / settings["detections"]
            time.sleep(max(0.0, due_s - (time.monotonic() - begin)))
        Path(settings["progress"]).write_text(f"{done} {boxes}", "utf-8")
    return boxes


if __name__ == "__main__":
    detect(json.loads(Path(sys.argv[1]).read_text("utf-8")))
