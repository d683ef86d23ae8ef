"""Options of scripts/benchmark_ssd.py contended, overlap and serve."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_idle import CONTENDED_IDLE, SERVE_IDLE
from gluon_ssd.options.declare import option
from gluon_ssd.options.shared import BACKENDS


@dataclass(frozen=True)
class _OfAnyModel:
    model_prefix: str = option("", "exported model: an .onnx or .xml file, or PREFIX of a pair")
    backend: str = option(
        "auto", "what runs it; auto goes by the files", choices=("auto", *BACKENDS)
    )
    data_shape: int = option(300, "side of the input of a model that does not carry it", minimum=32)

    def __post_init__(self) -> None:
        if not self.model_prefix:
            raise OptionError("--model-prefix is needed: the exported model")

    @property
    def named_backend(self) -> str:
        """The name of the runtime; empty where the files decide."""
        return "" if self.backend == "auto" else self.backend


@dataclass(frozen=True)
class ContendedBenchmark(_OfAnyModel):
    """Options of scripts/benchmark_ssd.py contended."""

    loops: int = option(6, "processes that keep the processor busy", minimum=0)
    nice: int = option(10, "niceness of these, 0 to 19", minimum=0)
    detectors: int = option(2, "more detectors of the same model; 0 leaves that out", minimum=0)
    seconds: float = option(3.0, "of each setting in a round, after a second that does not count")
    rounds: int = option(5, "rounds, each setting in turn", minimum=1)
    output: str = option("", "also write the numbers to this JSON file")

    idle = CONTENDED_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nice > 19:
            raise OptionError(f"--nice is 0 to 19; got {self.nice}")
        if self.seconds <= 0:
            raise OptionError(f"--seconds must be above 0; got {self.seconds:g}")


@dataclass(frozen=True)
class OverlapBenchmark(_OfAnyModel):
    """Options of scripts/benchmark_ssd.py overlap."""

    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds a VOC-layout data set")
    splits: str = option("", "splits to read; empty takes 2007_test")
    batch_size: int = option(16, "images a batch of all streams together", minimum=1)
    streams: int = option(0, "batches beside one another; 0 is one for each thread", minimum=0)
    num_workers: int = option(2, "processes that load images", minimum=0)
    limit_images: int = option(0, "use only the first N images; 0 uses all", minimum=0)
    rounds: int = option(3, "rounds, each way in turn", minimum=1)
    output: str = option("", "also write the numbers to this JSON file")


@dataclass(frozen=True)
class ServeBenchmark(_OfAnyModel):
    """Options of scripts/benchmark_ssd.py serve."""

    images: str = option(
        "", "folder of JPEG and PNG files to send, the first 64 of them; empty makes some up"
    )
    clients: int = option(16, "clients that each send one request after the other", minimum=1)
    seconds: float = option(5.0, "of each way in a round", minimum=0.1)
    rounds: int = option(5, "rounds, each way in turn, after one that does not count", minimum=1)
    requests: int = option(
        10_000, "requests after the rounds, whose answers are compared; 0 for none", minimum=0
    )
    broken: int = option(100, "of these, one in so many is broken; 0 for none", minimum=0)
    batch_size: int = option(
        0,
        "most requests of a batch, and images of one of the network alone; 0 is the service's own",
        minimum=0,
    )
    threads: int = option(
        0, "threads that compute; 0 is OMP_NUM_THREADS, or else one on each core", minimum=0
    )
    streams: int = option(0, "batches beside one another; 0 is one for each thread", minimum=0)
    output: str = option("", "also write the numbers to this JSON file")

    idle = SERVE_IDLE
    """What has no effect; see `options.idle`."""
