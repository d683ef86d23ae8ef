"""How fast a detector is on this machine, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.errors import OptionError
from gluon_ssd.inference.batches import SharedModel
from gluon_ssd.inference.pictures import Pixels
from gluon_ssd.report.timing import LatencyStatistics, measure_latency
from gluon_ssd.system.load import LoadMeter
from gluon_ssd.system.memory import peak_mib

_PICTURE_HW = (480, 640)


@dataclass(frozen=True)
class Speed:
    """What was measured; `str` gives it as lines.

    Attributes:
        batch_size: pictures of a call.
        whole: of a call: from network input to the kept boxes.
        prepare: of one picture: from pixels to network input.
        network, decode: the parts of `whole`; None where the model does not show where its network
            ends.
        images_per_second: by the mean of `whole`, with the time to prepare each picture.
        threads: that computed.
        precision: what the network computed in.
        peak_mib: most memory the process has held, MiB.
        busy: a line about other programs that used the cores meanwhile; empty without such.
    """

    batch_size: int
    whole: LatencyStatistics
    prepare: LatencyStatistics
    network: LatencyStatistics | None
    decode: LatencyStatistics | None
    images_per_second: float
    threads: int
    precision: str
    peak_mib: float
    busy: str = ""

    def __str__(self) -> str:
        lines = [
            f"network and decoding, batch {self.batch_size}: {self.whole}",
            f"pre-processing of one picture: {self.prepare}",
        ]
        if self.network is not None and self.decode is not None:
            lines += [f"network alone: {self.network}", f"decoding alone: {self.decode}"]
        lines.append(
            f"{self.images_per_second:.1f} pictures a second in {self.precision} on "
            f"{self.threads} threads, peak memory {self.peak_mib:.0f} MiB"
        )
        return "\n".join([*lines, self.busy] if self.busy else lines)


def measure_speed(
    shared: SharedModel, pictures: Sequence[Pixels], *, batch_size: int, iterations: int
) -> Speed:
    """Time a model on pictures, after a few calls that are not timed.

    Args:
        shared: the model.
        pictures: uint8 (H, W, 3), RGB, taken in turn; with none of them seeded noise is taken,
            480 by 640, in which there is next to nothing to decode.
        batch_size: pictures of a call.
        iterations: timed calls.

    Raises:
        OptionError: one of the numbers is below 1.
    """
    for name, value in (("batch_size", batch_size), ("iterations", iterations)):
        if value < 1:
            raise OptionError(f"{name} must be at least 1; got {value}")
    model, preparing = shared.model, shared.preparing
    pictures = list(pictures) or [_noise()]
    prepare = measure_latency(
        lambda pixels: preparing.batch([pixels]), pictures, iterations=iterations
    )
    inputs = [
        preparing.batch([pictures[(start + i) % len(pictures)] for i in range(batch_size)])
        for start in range(0, len(pictures), batch_size)
    ]
    load = LoadMeter()
    whole = measure_latency(shared.run, inputs, iterations=iterations)
    network, decode = _parts(model, inputs[0], iterations)
    return Speed(
        batch_size=batch_size,
        whole=whole,
        prepare=prepare,
        network=network,
        decode=decode,
        images_per_second=1000 * batch_size / (whole.mean_ms + batch_size * prepare.mean_ms),
        threads=model.threads,
        precision=model.precision,
        peak_mib=peak_mib(),
        busy=load.notice(),
    )


def _noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (*_PICTURE_HW, 3), np.uint8)


def _parts(
    model: RuntimeModel, images: Any, iterations: int
) -> tuple[LatencyStatistics | None, LatencyStatistics | None]:
    """Times of the network and of the decoding, where they can be told apart."""
    if not model.can_split:
        return None, None
    predictions = model.run_heads(images)
    network = measure_latency(model.run_heads, [images], iterations=iterations)
    return network, measure_latency(model.run_decode, [predictions], iterations=iterations)
