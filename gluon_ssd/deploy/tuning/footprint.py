"""The memory that a process takes to run an exported detector."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.errors import EnvironmentProblem

_RUN = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from gluon_ssd.deploy.tuning.footprint import main
main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""
_RUNS = 3
_TIMEOUT_S = 300.0


def measure_footprint(prefix: str, input_size_hw: tuple[int, int]) -> float:
    """Most memory at once, in MiB, of a fresh process that loads a model and runs single images.

    Args:
        prefix: of the model's two files.
        input_size_hw: height and width of the images.

    Raises:
        EnvironmentProblem: that process failed.
    """
    height, width = input_size_hw
    arguments = [json.dumps([str(entry) for entry in sys.path]), prefix, str(height), str(width)]
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _RUN, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
            start_new_session=True,  # Ctrl-C is for the parent to answer
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise EnvironmentProblem(f"cannot measure the memory of {prefix}: {error}") from error
    return float(ended.stdout.split()[-1])


def main(prefix: str, height: int, width: int) -> None:
    """The child: prints its peak memory in MiB."""
    model = load_deployed(prefix, input_size_hw=(height, width))
    images = np.zeros((1, 3, height, width), np.float32)
    for _ in range(_RUNS):
        for output in model.run(images):
            output.wait_to_read()
    # Not getrusage: its peak may be that of the process this one was forked from.
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None, "Linux tells every process its peak memory"
    sys.stdout.write(f"{int(found.group(1)) / 1024:.1f}\n")
