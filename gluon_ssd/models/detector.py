"""Network and decoder as one block: images in, detections out. This is what gets exported."""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoder import DetectionDecoder, Expected
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.interface import Network


class Detector(mx.gluon.HybridBlock):
    """Images float32 (B, 3, H, W) to (ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4)).

    The network inside stays usable by itself; both share weights. Boxes are corners in pixels of
    the network input, clipped to it only where the decoding says so; unused rows are -1.

    Args:
        network: returns raw class logits, box offsets and anchors.
        decoding: how they become detections; by default as the network's spec says.
    """

    def __init__(self, network: Network, decoding: Decoding | None = None) -> None:
        super().__init__()
        self.network: Any = network
        self.decoder = DetectionDecoder(len(network.classes), decoding or network.spec.decoding)
        self._input_size_hw: tuple[int, int] | None = None
        self.expect_size(network.input_size_hw)

    def expect_size(self, input_size_hw: tuple[int, int]) -> None:
        """Make ready for images of a size (height, width), px; arrays tell it themselves."""
        if input_size_hw == self._input_size_hw:
            return
        self._input_size_hw = input_size_hw
        num_anchors = self.network.num_anchors(input_size_hw)
        levels = self.network.level_anchors(input_size_hw)
        if self.decoder.expect(Expected(num_anchors, levels, input_size_hw)):
            self._clear_cached_op()

    def forward(self, x: Any, *args: Any) -> Any:
        """Run the block; arrays of another size than the last ones may need another graph."""
        if isinstance(x, mx.nd.NDArray):
            self.expect_size(tuple(x.shape[2:]))
        return super().forward(x, *args)

    def hybrid_forward(self, F: Any, x: Any) -> tuple[Any, ...]:
        """Detections of a batch."""
        ids, scores, bboxes = self.decoder(*self.network(x))
        return ids, scores, bboxes


class DetectorWithOutputs(Detector):
    """A detector that also gives what it detects by: class logits and box offsets, see `Network`.

    For a loss beside the detections, without running the network twice.
    """

    def hybrid_forward(self, F: Any, x: Any) -> tuple[Any, ...]:
        """ids, scores and bboxes of a batch, then class_logits and box_offsets."""
        class_logits, box_offsets, anchors = self.network(x)
        found = self.decoder(class_logits, box_offsets, anchors)
        return (*found, class_logits, box_offsets)
