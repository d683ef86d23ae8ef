"""The memory that a process takes to run an exported detector."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from subprocess import PIPE

import numpy as np

from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.processes import Child, call_of, end_with_parent

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
    try:
        call = call_of(print_footprint, prefix, *input_size_hw)
        child = Child(call, stdout=PIPE, stderr=PIPE)
        return float(child.output(_TIMEOUT_S).split()[-1])
    except OSError as error:
        raise EnvironmentProblem(f"cannot measure the memory of {prefix}: {error}") from error


def print_footprint(prefix: str, height: int, width: int) -> None:
    """The child: prints its peak memory in MiB."""
    end_with_parent()
    model = load_deployed(prefix, input_size_hw=(height, width))
    images = np.zeros((1, 3, height, width), np.float32)
    for _ in range(_RUNS):
        for output in model.run(images):
            output.wait_to_read()
    # Not getrusage: its peak may be that of the process this one was forked from.
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None, "Linux tells every process its peak memory"
    sys.stdout.write(f"{int(found.group(1)) / 1024:.1f}\n")
