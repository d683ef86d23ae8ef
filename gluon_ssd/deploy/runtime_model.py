"""What a loaded detector offers, whatever runtime computes it: images in, detections out.

Evaluation, benchmarks, the demo and reports use this interface alone. No framework is imported
here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord


class DetectorFacts:
    """What is known of a detector without running it.

    Attributes:
        input_size_hw: height and width of the images it takes, px.
        record: what its files say about it; None for files that say nothing.
        num_classes: foreground classes; None when neither the record nor the graph tells.
    """

    input_size_hw: tuple[int, int]
    record: ModelRecord | None
    num_classes: int | None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the foreground classes, where the files carry them."""
        return self.record.classes if self.record and self.record.has_names else None

    @property
    def input_format(self) -> InputFormat:
        """How images become its input: as the record says, or else as of the zoo's networks."""
        if self.record is None:
            return InputFormat(self.input_size_hw)
        return replace(self.record.input_format, size_hw=self.input_size_hw)

    @property
    def edge_px(self) -> int:
        """How COCO boxes end, as of `ModelRecord`."""
        return (self.record or ModelRecord).edge_px

    def check_input(self, name: str) -> None:
        """Raise ModelError, naming the model, when it takes other images than are made here.

        The pre-processing makes what the defaults of `ModelRecord` say.
        """
        for field in ("layout", "channel_order", "value_range"):
            allowed = getattr(ModelRecord, field)
            got = getattr(self.record or ModelRecord, field)
            if got != allowed:
                raise ModelError(
                    f"the record of {name} says that its input has {field} {got!r}; images are "
                    f"prepared with {allowed!r} alone: export the model for that"
                )


class RuntimeModel(DetectorFacts, ABC):
    """A detector that is ready to run.

    Outputs are arrays of NumPy or of the runtime. Those of the runtime may not be ready yet when a
    method returns: `as_numpy` waits for them, and so does their method `wait_to_read`.

    Attributes:
        name: the prefix it was loaded from, or the name of its network.
        precision: what the network computes in: "float32", "bfloat16", "float16" or "int8".
    """

    name: str
    precision: str

    @abstractmethod
    def run(self, images: Any) -> tuple[Any, Any, Any]:
        """Detect objects.

        Args:
            images: float32 (B, 3, H, W), normalised, as NumPy array or from `place`.

        Returns:
            ids (B, K, 1), scores (B, K, 1), bboxes (B, K, 4); boxes are corners in input pixels,
            empty rows are -1.

        Raises:
            ModelError: the images have another size than the model takes.
        """

    def check_size(self, images: Any) -> None:
        """Raise ModelError for images, (B, 3, H, W), of another size than the model takes."""
        got_hw = tuple(images.shape[2:])
        if got_hw != self.input_size_hw:
            raise ModelError(
                f"{self.name} takes images of {self.input_size_hw} (height, width), got {got_hw}",
                settings=("data_shape",),
            )

    @property
    def device(self) -> str:
        """Where it runs: "cpu", or "gpu:" and a number."""
        return "cpu"

    @property
    @abstractmethod
    def threads(self) -> int:
        """Threads that compute on the CPU."""

    @property
    def streams(self) -> int:
        """Batches that are computed beside one another when as many threads call `run`."""
        return 1

    def with_streams(self, streams: int = 0) -> RuntimeModel:
        """The same model for so many streams, or as it is where the runtime cannot.

        Without a number, for the most images a second: one stream for each thread.
        """
        return self

    def place(self, images: NDArray[np.float32]) -> Any:
        """Copy images to the device once, for calls of `run` that leave out the copying."""
        return images

    def in_precision(self, dtype: str) -> RuntimeModel:
        """The same model with its network in another type; its classes and decoding stay.

        Args:
            dtype: "float16" or "bfloat16", which the model's device must have.

        Raises:
            ModelError: the runtime or the model cannot.
        """
        raise ModelError(f"{self.name} cannot run in {dtype}", settings=("dtype",))

    @property
    def can_split(self) -> bool:
        """Whether `run_heads` and `run_decode` give the network and the decoding by themselves."""
        return False

    def run_heads(self, images: Any) -> list[Any]:
        """Run only the network: the class and box predictions of all levels, joined.

        Raises:
            ModelError: the images have the wrong size, or the model does not show where its
                network ends.
        """
        raise ModelError(f"the network of {self.name} cannot be run by itself")

    def run_decode(self, predictions: list[Any]) -> tuple[Any, Any, Any]:
        """Turn what `run_heads` returned into detections; both together equal `run`.

        Raises:
            ModelError: `can_split` is not true.
        """
        raise ModelError(f"the decoding of {self.name} cannot be run without its network")

    def count_candidates(self, images: Any) -> NDArray[np.int64] | None:
        """Candidates of each image that enter suppression, (B,); None when that is not known."""
        return None
