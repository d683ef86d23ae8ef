"""The memory that a process takes to run an exported detector."""

from __future__ import annotations

import json
import sys
from subprocess import PIPE

import numpy as np

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import EnvironmentProblem, SsdError, from_message, to_message
from gluon_ssd.system.memory import peak_mib
from gluon_ssd.system.processes import Child, call_of, end_with_parent

_RUNS = 3
_TIMEOUT_S = 300.0


def measure_footprint(prefix: str, input_size_hw: tuple[int, int]) -> float:
    """Most memory at once, in MiB, of a fresh process that loads a model and runs single images.

    Args:
        prefix: of the model's files.
        input_size_hw: height and width of the images.

    Raises:
        SsdError: as `load_detector` does, in that process.
        EnvironmentProblem: that process failed in another way.
    """
    try:
        call = call_of(print_footprint, prefix, *input_size_hw)
        child = Child(call, stdout=PIPE, stderr=PIPE)
        answer = json.loads(child.output(_TIMEOUT_S).splitlines()[-1])
    except OSError as error:
        raise EnvironmentProblem(f"cannot measure the memory of {prefix}: {error}") from error
    if isinstance(answer, dict):
        raise from_message(answer)
    return float(answer)


def print_footprint(prefix: str, height: int, width: int) -> None:
    """The child: prints its peak memory in MiB as a JSON number, or the error as an object."""
    end_with_parent()
    answer: object
    try:
        model = load_detector(prefix, input_size_hw=(height, width))
        images = np.zeros((1, 3, height, width), np.float32)
        for _ in range(_RUNS):
            for output in model.run(images):
                as_numpy(output)
        answer = round(peak_mib(), 1)
    except SsdError as error:
        answer = to_message(error)
    sys.stdout.write(f"{json.dumps(answer)}\n")
