"""Stands in for the PyTorch process: fixed answers, and weights from a file."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path


def main(weights: str, milliseconds: str) -> None:
    """Answer requests; every call takes so long."""
    for line in sys.stdin:
        request = json.loads(line)
        what = request["do"]
        if what == "fail":
            print("first line\nRuntimeError: no such network", file=sys.stderr)
            sys.exit(1)
        answer: object = {"boxes": [], "labels": [], "scores": []}
        if what == "load":
            assert (Path(request["folder"]) / "images.npy").is_file()
            shutil.copy(weights, Path(request["folder"]) / "weights.npz")
            answer = {"torch": "0.0", "threads": request["threads"], "parameters": 1}
        elif what == "time":
            answer = {"seconds": [float(milliseconds) / 1000] * request["calls"], "format": "any"}
        elif what == "environment":
            answer = {"got": {key: os.environ.get(key) for key in request["names"]}}
        elif what == "word":
            answer = "no dictionary"
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
