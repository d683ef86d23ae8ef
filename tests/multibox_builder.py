"""A small detector in the form of SageMaker and example/ssd, which needs no shared material."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx

CLASSES = 2
_SIZES = ((0.2, 0.3), (0.5, 0.7))
_RATIOS = (1, 2, 0.5)
_SHAPES = len(_SIZES[0]) + len(_RATIOS) - 1


def multibox_symbol(*, training: bool, batch_norm: bool = False, **settings) -> mx.sym.Symbol:
    """Two levels on two convolutions; `settings` are of MultiBoxDetection.

    Args:
        training: with the label, the targets and the losses, four outputs.
        batch_norm: of the images, as ResNet-50 begins with.
    """
    features = mx.sym.var("data")
    if batch_norm:
        features = mx.sym.BatchNorm(features, fix_gamma=True, eps=2e-5, name="bn_data")
    offsets, logits, anchors = [], [], []
    for level, sizes in enumerate(_SIZES):
        options = {"kernel": (3, 3), "pad": (1, 1)}
        features = mx.sym.Convolution(
            features, num_filter=8, stride=(4, 4), name=f"conv{level}", **options
        )
        features = mx.sym.Activation(features, act_type="relu", name=f"relu{level}")
        for parts, columns, kind in ((offsets, 4, "loc"), (logits, CLASSES + 1, "cls")):
            name = f"relu{level}_{kind}_pred_conv"
            head = mx.sym.Convolution(features, num_filter=_SHAPES * columns, name=name, **options)
            parts.append(mx.sym.flatten(mx.sym.transpose(head, (0, 2, 3, 1))))
        prior = mx.sym.contrib.MultiBoxPrior(
            features, sizes=sizes, ratios=_RATIOS, name=f"relu{level}_anchors"
        )
        anchors.append(mx.sym.flatten(prior))
    loc = mx.sym.concat(*offsets, dim=1, name="multibox_loc_pred")
    cls = mx.sym.reshape(mx.sym.concat(*logits, dim=1), (0, -1, CLASSES + 1))
    cls = mx.sym.transpose(cls, (0, 2, 1), name="multibox_cls_pred")
    boxes = mx.sym.reshape(mx.sym.concat(*anchors, dim=1), (0, -1, 4), name="multibox_anchors")
    settings = {"nms_threshold": 0.45, "nms_topk": 50, **settings}
    if not training:
        probabilities = mx.sym.softmax(cls, axis=1, name="cls_prob")
        return mx.sym.contrib.MultiBoxDetection(
            probabilities, loc, boxes, name="detection", **settings
        )
    target = mx.sym.contrib.MultiBoxTarget(boxes, mx.sym.var("label"), cls, name="multibox_target")
    probabilities = mx.sym.SoftmaxOutput(cls, target[2], multi_output=True, name="cls_prob")
    difference = mx.sym.smooth_l1(target[1] * (loc - target[0]), scalar=1.0)
    found = mx.sym.contrib.MultiBoxDetection(
        probabilities, loc, boxes, name="detection", **settings
    )
    outputs = [probabilities, mx.sym.MakeLoss(difference), mx.sym.MakeLoss(target[2], grad_scale=0)]
    return mx.sym.Group([*outputs, mx.sym.MakeLoss(found, grad_scale=0, name="det_out")])


def write_multibox(prefix: str, *, side: int = 64, epoch: int = 0, **options) -> None:
    """Write it with random weights; `options` as of `multibox_symbol`."""
    symbol = multibox_symbol(**options)
    shapes = {"data": (1, 3, side, side)}
    shapes |= {"label": (1, 1, 6)} if "label" in symbol.list_arguments() else {}
    found, _, of_statistics = symbol.infer_shape(**shapes)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in zip(symbol.list_arguments(), found, strict=True):
        if name not in ("data", "label"):
            size = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
            size /= 60 if name == "conv0_weight" else 1  # of pixels up to 255
            arrays[f"arg:{name}"] = mx.nd.array(rng.normal(0, size, shape))
    for name, shape in zip(symbol.list_auxiliary_states(), of_statistics, strict=True):
        value = 117.0 if name.endswith("mean") else 3600.0
        arrays[f"aux:{name}"] = mx.nd.full(shape, value)
    mx.nd.save(f"{prefix}-{epoch:04d}.params", arrays)
    Path(f"{prefix}-symbol.json").write_text(symbol.tojson())
