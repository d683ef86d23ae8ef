"""What one sees of a training run beside its log."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.options.declare import option


@dataclass(frozen=True)
class WatchOptions:
    """watching"""

    sample_images: int = option(
        8,
        "images of a picture: of the first training batch as the network gets it, and of the "
        "validation set with what is found after every validation; 0 draws neither",
        minimum=0,
        maximum=64,
    )
    tensorboard: str = option(
        "",
        "also write losses, scores and pictures for TensorBoard to this folder, one for each run; "
        "needs the extra tensorboard",
    )
