"""What inputs, outputs and metadata of an ONNX detector are called; readable without packages."""

from __future__ import annotations

IMAGE, SCORES, OFFSETS, ANCHORS = "images", "scores", "offsets", "anchors"
"""The input, float32 (B, 3, H, W), and the outputs of the raw form: class logits (B, A, C + 1) or
(B, A, C), box offsets (B, A, 4), and anchors (A, 4), centre form in px."""
RECORD_KEY = "gluon_ssd_model"
"""Key of the metadata that holds the record as JSON."""
