"""The process in which one form of a detector is measured, with nothing else in it.

Only what every form needs is imported here, for the time from the start of the process to its first
detection counts.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.benchmarks.peer import serve
from gluon_ssd.deploy.runtime import find_runtime, load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.load import WINDOW_S

_LOOKS = 3


class FormBench:
    """One form; requests are calls of its methods."""

    def __init__(self) -> None:
        self._images: NDArray[np.float32] = np.zeros((0, 3, 0, 0), np.float32)
        self._model: Any = None
        self._turn = 0

    def load(
        self,
        *,
        path: str,
        dtype: str,
        size_hw: tuple[int, int],
        images: str,
        streams: int = 0,
        original: dict[str, str] | None = None,
    ) -> int:
        """Load a form and detect objects in the first image.

        Args:
            path: of its file, or the prefix of its pair.
            dtype: see `Form`.
            size_hw: height and width of the images, px.
            images: file of NumPy with float32 (N, 3, H, W), normalised.
            streams: batches that run beside one another; 0 for one.
            original: what `Original` takes; the network object of GluonCV is loaded then.

        Returns:
            How many detections there are.

        Raises:
            SsdError: the form cannot be loaded, or not run here.
        """
        self._images = np.load(images, mmap_mode="r")
        if original is not None:
            from gluon_ssd.benchmarks.gluoncv.detector import Original

            self._model = Original(**original)
        else:
            self._model = _loaded(path, dtype, (size_hw[0], size_hw[1]), streams)
        return int((self._detect(self._image(1))[0] >= 0).sum())

    def time(self, *, calls: int) -> dict[str, list[float]]:
        """Seconds of single images, images in turn, after calls that do not count; see `_settle`.

        Returns:
            "whole", from image to detections as arrays of NumPy; and "network", of the network
            alone, which alternates with it; empty where a model is in one piece.
        """
        self._settle()
        whole, network = [], []
        for _ in range(calls):
            image = self._image(1)
            start = time.perf_counter()
            self._detect(image)
            between = time.perf_counter()
            if self._model.can_split:
                for output in self._model.run_heads(image):
                    _wait(output)
                network.append(time.perf_counter() - between)
            whole.append(between - start)
        return {"whole": whole, "network": network}

    def rate(self, *, batch_size: int, batches: int, streams: int) -> float:
        """Images a second, when as many threads as there are streams run batches; see `_settle`.

        Args:
            batch_size: images a batch.
            batches: of each thread.
            streams: threads.
        """
        self._settle()
        given = [self._image(batch_size) for _ in range(streams)]

        def run(images: Any) -> None:
            for _ in range(batches):
                self._detect(images)

        with ThreadPoolExecutor(streams) as pool:
            start = time.perf_counter()
            for _ in pool.map(run, given):
                pass
            return batch_size * batches * streams / (time.perf_counter() - start)

    def memory(self) -> float:
        """The most memory that this process has held, in MiB."""
        from gluon_ssd.system.memory import peak_mib

        return peak_mib()

    def candidates(self) -> float | None:
        """Candidates an image that enter suppression, on average; None when that is not known."""
        counts = self._model.count_candidates(self._model.place(np.array(self._images)))
        return None if counts is None else float(np.mean(counts))

    def score(
        self, *, data: dict[str, Any], metric: str, batch_size: int, record: dict[str, Any]
    ) -> float:
        """Mean average precision on a data set, a fraction.

        Args:
            data: fields of `options.shared.DataOptions`.
            metric: of `make_score`.
            batch_size: images a batch.
            record: of the detector, as JSON.

        Raises:
            DataError: the data set cannot be used, or is of other classes than the detector.
        """
        from gluon_ssd.benchmarks.formats.data import RecordFacts, score

        facts = RecordFacts(ModelRecord.from_object(record, "the benchmark's record"))

        def run(images: NDArray[np.float32]) -> Any:
            return self._model.run(self._model.place(images))

        return score(run, facts, data, metric=metric, batch_size=batch_size)

    def _settle(self) -> None:
        """Run until the caches hold what this form needs, and until it has forgotten the others.

        Detectors follow the load of the machine, and take a form that had its turn before for that
        of another program until they have looked three times.
        """
        end = time.monotonic() + _LOOKS * WINDOW_S
        while True:
            self._detect(self._image(1))
            if time.monotonic() >= end:
                return

    def _image(self, count: int) -> Any:
        """The next images, where the model computes; copying them there is not measured."""
        chosen = [(self._turn + k) % len(self._images) for k in range(count)]
        self._turn += count
        return self._model.place(np.ascontiguousarray(self._images[chosen]))

    def _detect(self, images: Any) -> list[NDArray[Any]]:
        return [as_numpy(output) for output in self._model.run(images)]


def _loaded(path: str, dtype: str, size_hw: tuple[int, int], streams: int) -> RuntimeModel:
    if dtype != "float32":
        find_runtime(path).check_dtype(dtype, "cpu", f"{path} in {dtype}")
    model = load_detector(path, input_size_hw=size_hw, streams=streams)
    return model if dtype == "float32" else model.in_precision(dtype)


def _wait(output: Any) -> None:
    if hasattr(output, "wait_to_read"):
        output.wait_to_read()


def answer(connection_number: int) -> None:
    """Serve a `Peer`."""
    serve(FormBench(), connection_number)
