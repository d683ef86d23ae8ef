"""What inputs, outputs and metadata of an ONNX detector are called; readable without packages."""

from __future__ import annotations

IMAGE, SCORES, OFFSETS, ANCHORS = "images", "scores", "offsets", "anchors"
"""The input, float32 (B, 3, H, W), and the outputs of the raw form: class logits (B, A, C + 1) or
(B, A, C), box offsets (B, A, 4), and anchors (A, 4), centre form in px."""
DETECTIONS = ("ids", "scores", "bboxes")
"""Outputs with decoding and suppression inside: (B, K, 1), (B, K, 1) and (B, K, 4), corners in
input px; unused rows are -1."""
ZOO = ("bboxes", "labels", "scores")
"""Outputs of the ONNX model zoo's SSD, of one image: (1, N, 4), (1, N) and (1, N)."""
RECORD_KEY = "gluon_ssd_model"
"""Key of the metadata that holds the record as JSON."""
