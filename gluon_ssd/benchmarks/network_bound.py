"""When the exchange of gradients, not the computation, decides how fast many processes train.

Horovod packs gradients into buffers of up to 128 MiB (fusion) and adds each up around a ring: with
W processes every one of them sends and receives 2 (W - 1) / W of the bytes, in 2 (W - 1) messages a
buffer. The exchange of a layer starts when its gradient is there, so it hides behind the rest of
the backward pass. Source of the ring's cost: Patarasuk and Yuan, Bandwidth optimal all-reduce
algorithms for clusters of workstations, 2009.
"""

from __future__ import annotations

import math

FUSION_BYTES = 128 * 2**20  # HOROVOD_FUSION_THRESHOLD, by default
GBIT = 1e9 / 8  # bytes a second


def exchange_seconds(
    num_bytes: float, processes: int, gbit_per_s: float, *, latency_s: float
) -> float:
    """Time of one all-reduce around a ring in which every process has its own link.

    Args:
        num_bytes: of all gradients.
        processes: W; one needs no time.
        gbit_per_s: speed of each link.
        latency_s: of one message.
    """
    buffers = max(1, math.ceil(num_bytes / FUSION_BYTES))
    sent = 2 * (processes - 1) / processes * num_bytes
    return sent / (gbit_per_s * GBIT) + 2 * (processes - 1) * buffers * latency_s


def limit_images_per_second(seconds: float, batch_size: int, overlap: float) -> float:
    """Images a second of one process, computing alone, above which the network decides.

    A step of t seconds hides `overlap` t of the exchange; it is bound by the network when that is
    less than the exchange takes.
    """
    return batch_size * overlap / seconds if seconds else math.inf
