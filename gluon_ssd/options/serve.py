"""Options of scripts/serve_ssd.py."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.predict import PREDICT_IDLE
from gluon_ssd.options.shared import RuntimeOptions, max_pixels_option, whole_numbers


@dataclass(frozen=True)
class ServeCommand(RuntimeOptions):
    """Options of scripts/serve_ssd.py."""

    streams: int = option(
        0,
        "batches that are computed beside one another, which share the threads; 0 is one for each "
        "thread",
        minimum=0,
    )
    model_prefix: str = option(
        "",
        "detector: an .onnx file, an OpenVINO .xml, what an exported pair starts with, or a "
        "folder or model.tar.gz with one",
    )
    classes: str = option("", "file with one class name a line; empty uses the model's own")
    data_shape: int = option(
        0, "side of the network input, in pixels; 0 takes the model's own", minimum=0
    )
    gpus: str = option("", "GPU to use, such as 0; empty uses the CPU")
    host: str = option(
        "127.0.0.1",
        "address to listen at: 127.0.0.1 is reached from this machine alone, 0.0.0.0 from all that "
        "reach it",
    )
    port: int = option(8080, "port to listen at; 0 takes a free one", minimum=0, maximum=65535)
    thresh: float = option(
        0.0,
        "smallest score of an object in an answer; endpoints of SageMaker leave out none",
        minimum=0,
        maximum=1,
    )
    batch_size: int = option(
        0,
        "most requests that are computed as one batch, of those that wait; 0 is 2 where each "
        "thread computes a batch of its own, which larger ones do not make faster, else 8",
        minimum=0,
    )
    max_requests: int = option(
        64, "requests at a time, from their first byte to their answer; more get 503", minimum=1
    )
    max_wait: float = option(
        10.0, "seconds that a request waits for its batch at most; then it gets 503", minimum=0.1
    )
    max_body: int = option(
        20, "MiB of the body of a request at most; a larger one gets 413", minimum=1, maximum=1024
    )
    body_timeout: float = option(
        30.0, "seconds in which the body of a request must have come, else it gets 408", minimum=0.1
    )
    max_pixels: int = max_pixels_option(50_000_000)
    refuse_damaged: bool = option(
        False,
        "answer 400 for a JPEG that can be decoded and is damaged all the same; else it is used, "
        "and counted",
    )
    drain: float = option(
        30.0, "seconds after SIGTERM in which accepted requests are finished", minimum=0
    )

    idle = PREDICT_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if not self.model_prefix:
            raise OptionError(
                "--model-prefix needs a detector: an .onnx file, an OpenVINO .xml, or what the "
                "names of an exported pair start with"
            )
        _ = self.told
        if not self.host:
            raise OptionError("--host needs an address, such as 127.0.0.1 or 0.0.0.0")

    @property
    def input_size_hw(self) -> tuple[int, int] | None:
        """Height and width of the input, px; None takes the model's own."""
        return (self.data_shape, self.data_shape) if self.data_shape else None

    @property
    def device(self) -> str:
        """The first GPU of --gpus, or "cpu"."""
        ids = whole_numbers(self.gpus, "--gpus")
        return f"gpu:{ids[0]}" if ids else "cpu"
