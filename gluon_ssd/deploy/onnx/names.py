"""What inputs, outputs and metadata of an ONNX detector are called; readable without packages."""

from __future__ import annotations

IMAGE, SCORES, OFFSETS, ANCHORS = "images", "scores", "offsets", "anchors"
"""The input, float32 (B, 3, H, W), and the outputs of the raw form: class logits (B, A, C + 1) or
(B, A, C), box offsets (B, A, 4), and anchors (A, 4), centre form in px. Where pre-processing is
folded in, the input is uint8 (B, height, width, 3), RGB, of any size."""
IDS, BBOXES, LABELS = "ids", "bboxes", "labels"
"""Outputs of the other forms, beside `SCORES`."""
FORMS = {
    "raw": (SCORES, OFFSETS, ANCHORS),
    "zoo": (BBOXES, LABELS, SCORES),
    "detections": (IDS, SCORES, BBOXES),
}
"""What comes out of each form, in this order; `ANCHORS` only where there are some.

raw: as above. zoo: float32 (1, N, 4), corners as shares of width and height; int64 (1, N), from 1;
float32 (1, N). detections: float32 (B, K, 1), (B, K, 1) and (B, K, 4), corners in px of the input;
empty rows are -1."""
RECORD_KEY = "gluon_ssd_model"
"""Key of the metadata that holds the record as JSON."""
FORM_KEY = "gluon_ssd_form"
"""Key of the metadata that holds the form; a file without it is raw."""


def form_of(outputs: list[str]) -> str:
    """The form of a model with these outputs; "" when it is none of `FORMS`."""
    for form, names in FORMS.items():
        needed = {name for name in names if name != ANCHORS}
        if needed <= set(outputs) <= set(names):
            return form
    return ""
