"""Cut a symbol of SageMaker's Object Detection, or of MXNet's example/ssd, before it decodes.

Training and deploy symbols have one operator, MultiBoxDetection, which takes probabilities, offsets
and anchors. What leads to other outputs (targets, losses, the label) falls away with the cut, and
so do the arrays that only training has.
"""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.deploy.mxnet.graph import Graph, Node, Output
from gluon_ssd.deploy.mxnet.output_pattern import Unrecognised, expect
from gluon_ssd.deploy.mxnet.passes.select_scores_early import select_scores_early
from gluon_ssd.detection.decoding import STDS, Decoding
from gluon_ssd.errors import ModelError

DETECTION = "_contrib_MultiBoxDetection"
_SAME = ("_copy", "BlockGrad", "MakeLoss", "make_loss", "amp_cast")
_TO_ROWS = (0, 2, 1)


@dataclass(frozen=True)
class MultiBox:
    """What MultiBoxDetection says, and what is in front of it.

    Attributes:
        decoding: its rules as those of this project.
        background: what a concatenation puts in front of the scores of the classes, (B, 1, A);
            None where a softmax makes it with them.
    """

    decoding: Decoding
    background: Output | None


def cut_multibox(graph: Graph, source: str) -> tuple[Graph, MultiBox] | None:
    """The graph up to class logits, offsets and anchors; None where nothing is MultiBoxDetection.

    Args:
        graph: of `read_graph`; where None is returned it is not changed.
        source: its file, for messages.

    Returns:
        A graph of three heads: logits (B, A, C + 1), the background first, or (B, A, C), as
        the decoding's activation says; offsets (B, 4 * A) or (B, A, 4); and corners of anchors
        (1, A, 4), fractions of the image.

    Raises:
        ModelError: there are several, or one whose probabilities are made in an unknown way.
    """
    found = list(graph.find(DETECTION))
    if not found:
        return None
    if len(found) > 1:
        raise ModelError(
            f"{source} has {len(found)} operators {DETECTION}, a detector one; cut the symbol at "
            "the output that is meant"
        )
    (node,) = found
    probabilities, offsets, anchors = map(_source, node.inputs)
    try:
        logits, activation, background = _logits(probabilities)
        decoding = _decoding(node, activation)
    except Unrecognised as reason:
        raise ModelError(f"{source}: {node.name} ({DETECTION}) cannot be run: {reason}") from reason
    if offsets[0].op == "Flatten":  # of rows of anchors, as which they are needed
        offsets = offsets[0].inputs[0]
    return Graph([logits, offsets, anchors], graph.extra), MultiBox(decoding, background)


def _source(output: Output) -> Output:
    """Step over operators that change nothing."""
    while output[0].op in _SAME:
        output = output[0].inputs[0]
    return output


def _decoding(node: Node, activation: str) -> Decoding:
    """The rules of MultiBoxDetection; see src/operator/contrib/multibox_detection.cc of MXNet.

    It does not look at `background_id`: the background is the first one.
    """
    threshold = node.number("threshold", 0.01)
    expect(threshold <= 1, f"no score reaches its threshold {threshold:g}")
    iou, topk = node.number("nms_threshold", 0.5), int(node.number("nms_topk", -1))
    text = node.attrs.get("variances", "").strip("()[] ")
    variances = tuple(float(part) for part in text.split(",") if part.strip()) or STDS
    return Decoding(
        nms_thresh=iou if 0 < iou <= 1 else 0.0,
        nms_topk=max(topk, 0) or -1,
        post_nms=-1,
        score_thresh=max(threshold, 0.0),
        stds=variances,
        score_activation=activation,
        one_class=True,
        per_class=not node.flag("force_suppress"),
        score_strict=False,
        strict=False,
        clips=node.flag("clip", True),
    )


def _logits(probabilities: Output) -> tuple[Output, str, Output | None]:
    """(logits as rows of anchors, their activation, background) of probabilities (B, C + 1, A)."""
    node, _ = probabilities
    if node.op == "Concat":
        return _logits_beside_background(node)
    is_softmax = {
        "SoftmaxOutput": node.flag("multi_output"),
        "SoftmaxActivation": node.attrs.get("mode", "instance") == "channel",
        "softmax": node.number("axis", -1) in (1, -2)
        and node.attrs.get("temperature", "None") in ("None", "1", "1.0")
        and not node.flag("use_length"),
    }
    expect(node.op in is_softmax, f"its probabilities come from {node.op}, not from a softmax")
    expect(is_softmax[node.op], f"the {node.op} in front of it is not one over the classes")
    return _rows(_source(node.inputs[0])), "softmax", None


def _logits_beside_background(node: Node) -> tuple[Output, str, Output]:
    """Of sigmoids with a row in front of them for a background, at which nothing looks."""
    wanted = "its probabilities are joined of other parts than a background and classes"
    expect(len(node.inputs) == 2 and int(node.number("dim", 1)) in (1, -2), wanted)
    background, classes = node.inputs
    graph = Graph([_rows(_source(classes))])
    select_scores_early(graph)
    (activation, _) = graph.heads[0]
    expect(activation.op == "sigmoid", f"its scores come from {activation.op}, not from a sigmoid")
    return activation.inputs[0], "sigmoid", background


def _rows(output: Output) -> Output:
    """(B, columns, A) as (B, A, columns)."""
    node, _ = output
    axes = {"axes": str(_TO_ROWS)}
    if node.op == "transpose" and node.numbers("axes", ()) == _TO_ROWS:
        return _source(node.inputs[0])
    return Node("transpose", f"{node.name}_rows", axes, [output]), 0
