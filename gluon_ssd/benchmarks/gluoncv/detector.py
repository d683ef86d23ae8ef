"""GluonCV's network object, to be called as a detector of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.benchmarks.gluoncv.network import original_exported, original_network
from gluon_ssd.compat import mx
from gluon_ssd.families.catalog import spec_of


class Original:
    """GluonCV's object in float32, as its scripts run it.

    Args:
        name: of a network of its zoo, with the parameter file `weights`; or else
        prefix: of an exported pair.
    """

    can_split = False

    def __init__(self, name: str = "", weights: str = "", prefix: str = "") -> None:
        if prefix:
            self._network = original_exported(prefix)
        else:
            self._network = original_network(name, weights, spec_of(name).decoding)

    def place(self, images: NDArray[np.float32]) -> Any:
        """Images float32 (B, 3, H, W) as an MXNet array."""
        return mx.nd.array(images)

    def run(self, images: Any) -> Any:
        """Ids (B, K, 1), scores (B, K, 1) and bboxes (B, K, 4), MXNet arrays."""
        return self._network(images)

    def count_candidates(self, images: Any) -> None:
        """That is not known."""
