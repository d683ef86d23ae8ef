"""Network and decoder as one block: images in, detections out. This is what gets exported."""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoding import DetectionDecoder
from gluon_ssd.families.zoo.network import SsdNetwork


class Detector(mx.gluon.HybridBlock):
    """Images float32 (B, 3, H, W) to (ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4)).

    The network inside stays usable by itself; both share weights. Boxes are corners in pixels of
    the network input, not clipped; unused rows are -1.

    Args:
        network: returns raw class logits, box offsets and anchors.
        decoder: turns them into detections; by default one with the zoo's settings.
    """

    def __init__(self, network: SsdNetwork, decoder: DetectionDecoder | None = None) -> None:
        super().__init__()
        self.network = network
        self.decoder = decoder or DetectionDecoder(len(network.classes))

        self._expect(network.input_size_hw)

    def _expect(self, size_hw: tuple[int, int]) -> None:
        if self.decoder.expect_anchors(self.network.num_anchors(size_hw)):
            self._clear_cached_op()

    def forward(self, x: Any, *args: Any) -> Any:
        """Run the block; arrays of another size than the last ones may need another graph."""
        if isinstance(x, mx.nd.NDArray):
            self._expect(x.shape[2:])
        return super().forward(x, *args)

    def hybrid_forward(self, F: Any, x: Any) -> tuple[Any, Any, Any]:
        """Detections of a batch."""
        ids, scores, bboxes = self.decoder(*self.network(x))
        return ids, scores, bboxes

    def set_nms(self, nms_thresh: float = 0.45, nms_topk: int = 400, post_nms: int = 100) -> None:
        """Change the suppression; the traced graph is dropped, since it holds the old values.

        Args:
            nms_thresh: IoU above which the lower box goes; <= 0 or >= 1 turns suppression off.
            nms_topk: candidates that enter; -1 for all.
            post_nms: rows that come out; -1 for all.
        """
        self.decoder.set_nms(nms_thresh, nms_topk, post_nms)
        self._clear_cached_op()
