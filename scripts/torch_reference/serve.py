"""Answer the benchmark of this project: it asks in JSON lines, and each gets one line back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch import nn

from scripts.torch_reference.networks import (
    BUILDERS,
    arrays_with_candidates,
    detector,
    load_arrays,
    training_step,
)
from scripts.torch_reference.retinanet import MlperfRetinaNet

FORMATS = {"channels_first": torch.contiguous_format, "channels_last": torch.channels_last}
_TRIAL_CALLS = 2


class Bench:
    """One network and the calls that are timed of it.

    Requests are dictionaries whose "do" names one of the methods; the other entries are its
    arguments. Files are NumPy's, and in a folder that the benchmark makes.
    """

    def __init__(self) -> None:
        self._word = ""
        self._images = torch.zeros(0)
        self._calls: dict[tuple[str, str], tuple[str, Callable[[], Any]]] = {}

    def load(self, network: str, folder: str, threads: int, candidates: int) -> dict[str, Any]:
        """Build a network and write its weights under their published names.

        Args:
            network: key of `networks.BUILDERS`.
            folder: has images.npy, (B, 3, H, W); gets weights.npz.
            threads: to compute with.
            candidates: about so many pass the least score in the first image.
        """
        torch.set_num_threads(threads)
        self._word, self._calls = network, {}
        self._images = torch.from_numpy(np.load(Path(folder) / "images.npy"))
        built = BUILDERS[network]()
        self._arrays = arrays_with_candidates(built, 0, self._images[:1], candidates)
        np.savez(Path(folder) / "weights.npz", **self._arrays)
        return {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "parameters": sum(parameter.numel() for parameter in built.parameters()),
        }

    def detect(self) -> dict[str, Any]:
        """What is kept of the first image, best first.

        Returns:
            "boxes", corners in px of the input; "labels", of which 0 is the first object class;
            "scores".
        """
        network = self._network().eval()
        with torch.inference_mode():
            boxes, labels, scores = detector(network)(self._images[:1])[0]
        if not isinstance(network, MlperfRetinaNet):
            boxes, labels = boxes * network.size, labels - 1  # fractions; 0 is the background
        return {"boxes": boxes.tolist(), "labels": labels.tolist(), "scores": scores.tolist()}

    def time(self, task: str, dtype: str, calls: int, positives: int = 0) -> dict[str, Any]:
        """Seconds of single calls, after one that does not count.

        Args:
            task: "inference", of the first image, or "training", of all.
            dtype: "float32" or "bfloat16".
            calls: how many count.
            positives: boxes of an image that match an object in training.
        """
        if (task, dtype) not in self._calls:
            self._calls[task, dtype] = self._faster(task, dtype, positives)
        memory_format, call = self._calls[task, dtype]
        return {"seconds": _seconds(call, calls), "format": memory_format}

    def _network(self) -> nn.Module:
        network = BUILDERS[self._word]()
        load_arrays(network, self._arrays)
        return network

    def _faster(self, task: str, dtype: str, positives: int) -> tuple[str, Callable[[], Any]]:
        """The call in the order of memory in which it is the faster one here."""
        trials = []
        for name, memory_format in FORMATS.items():
            call = self._call(task, dtype, positives, memory_format)
            trials.append((min(_seconds(call, _TRIAL_CALLS)), name, call))
        return min(trials, key=lambda trial: trial[0])[1:]

    def _call(self, task: str, dtype: str, positives: int, memory_format: Any) -> Callable[[], Any]:
        network = self._network().to(memory_format=memory_format)
        if task == "training":
            images = self._images.to(memory_format=memory_format)
            return training_step(network.train(), images, positives=positives, dtype=dtype)
        detect, image = detector(network.eval()), self._images[:1]
        image = image.contiguous(memory_format=memory_format)

        def infer() -> Any:
            enabled = dtype == "bfloat16"
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                return detect(image)

        return infer


def _seconds(call: Callable[[], Any], calls: int) -> list[float]:
    call()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end."""
    bench = Bench()
    for line in requests:
        request = json.loads(line)
        answer = getattr(bench, request.pop("do"))(**request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
