"""Options -> images on which an exported file must give what MXNet gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gluon_ssd.commands.wiring.pictures import list_sources
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.inference.pictures import Reader
from gluon_ssd.inference.proof_images import made_up_pictures, proof_batches


def proof_images(sources: str, input_format: InputFormat) -> Iterator[np.ndarray]:
    """Batches float32 (B, 3, H, W), normalised, of pictures of whole grey levels.

    Args:
        sources: images, films and folders, with commas between; empty for made-up pictures.
        input_format: of the network.

    Raises:
        DataError: one of them is not there, or cannot be read.
    """
    pictures = made_up_pictures()
    if sources:
        listed = list_sources(sources, Reader(), flag="--check-images")
        pictures = (picture.pixels for source in listed for picture in source.read())
    return proof_batches(pictures, input_format)
