"""Operators of detectors: anchors, decoding, suppression, targets of training symbols."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.symbol_check.kinds import Integer, Number, Tuple, Word
from gluon_ssd.deploy.mxnet.symbol_check.operator import LARGEST, Operator, Values, flag, number

MOST_ANCHORS = 64
"""Sizes or ratios at one place."""
_positive = Number(1e-6, 1e6)
_format = Word(("center", "corner"))
_variances = Tuple(_positive, most=4)
_column = Integer(0, 10_000)
_column_or_none = Integer(-1, 10_000)


def _four_variances(values: Values) -> str | None:
    wrong = len(values.get("variances", (0,) * 4)) != 4
    return f"variances must be four numbers, got {values['variances']}" if wrong else None


def _prior_rule(values: Values) -> str | None:
    for name in ("sizes", "ratios"):
        if name in values and not values[name]:
            return f"{name} must have one number at least"
    for name in ("steps", "offsets"):
        if len(values.get(name, (0, 0))) != 2:
            return f"{name} must be two numbers, got {values[name]}"
    return None


DETECTIONS: dict[str, Operator] = {
    "_contrib_MultiBoxPrior": Operator(
        1,
        {
            "sizes": Tuple(_positive, most=MOST_ANCHORS),
            "ratios": Tuple(_positive, most=MOST_ANCHORS),
            "clip": flag,
            "steps": Tuple(number, most=2),
            "offsets": Tuple(number, most=2),
        },
        rule=_prior_rule,
    ),
    "_contrib_MultiBoxDetection": Operator(
        3,
        {
            "clip": flag,
            "threshold": number,
            "background_id": Integer(0, 10_000),
            "nms_threshold": number,
            "force_suppress": flag,
            "variances": _variances,
            "nms_topk": Integer(-1, LARGEST),
        },
        rule=_four_variances,
    ),
    "_contrib_MultiBoxTarget": Operator(
        3,
        {
            "overlap_threshold": number,
            "ignore_label": number,
            "negative_mining_ratio": number,
            "negative_mining_thresh": number,
            "minimum_negative_samples": Integer(0, LARGEST),
            "variances": _variances,
        },
        3,
        _four_variances,
    ),
    "_contrib_box_decode": Operator(
        2,
        {
            **dict.fromkeys(("std0", "std1", "std2", "std3", "clip"), number),
            "format": _format,
        },
    ),
    "_contrib_box_iou": Operator(2, {"format": _format}),
    "_contrib_box_nms": Operator(
        1,
        {
            "overlap_thresh": number,
            "valid_thresh": number,
            "topk": Integer(-1, LARGEST),
            "coord_start": _column,
            "score_index": _column,
            "id_index": _column_or_none,
            "background_id": Integer(-1, 10_000),
            "force_suppress": flag,
            "in_format": _format,
            "out_format": _format,
        },
    ),
}
