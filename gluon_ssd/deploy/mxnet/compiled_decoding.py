"""Take the decoding by class or by level off a detector's graph, and run it as compiled loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import (
    VARIABLE,
    Graph,
    Node,
    Output,
    output_shapes,
    parse_graph,
)
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants
from gluon_ssd.deploy.mxnet.same_graph import match_graph
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.compiled_decoding import (
    Level,
    best_of_classes_compiled,
    best_of_levels_compiled,
    kept_of_candidates,
)
from gluon_ssd.detection.decoder import decode_detections
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError

Finish = Callable[[Sequence[Any]], NDArray[np.float32]]
Keep = Callable[[Any, NDArray[np.float32]], NDArray[np.float32]]

ENDING_INPUTS = ("_scores", "_offsets", "_anchors")
_ROWS = (0, -1)
_CHANNELS_LAST = (0, 2, 3, 1)


@dataclass(frozen=True)
class Ending:
    """How a detector's graph is said to end.

    Attributes:
        decoding: how it decodes.
        num_classes: foreground classes C.
        input_size_hw: (height, width) of the images, px.
    """

    decoding: Decoding
    num_classes: int
    input_size_hw: tuple[int, int]


def cut_decoding(
    graph: Graph,
    params: Mapping[str, Any],
    ending: Ending,
    input_shapes: Mapping[str, tuple[int, ...]],
) -> tuple[Graph, Finish] | None:
    """The graph up to its predictions, and the decoding.

    The end of the graph is compared with the one that the decoder makes; what is said about it is
    not believed.

    Args:
        graph: a detector, or its decoding, with constants folded; not changed. The other one
            shares its nodes.
        params: its arrays.
        ending: what it should end in.
        input_shapes: name -> shape of the inputs that have a known one.

    Returns:
        The decoding takes the outputs of the graph, waits for them, and returns the kept rows of
        class, score and corners, float32 (B, K, 6). None where the graph ends in something else,
        or in what these loops do not do.
    """
    decoding, num_classes = ending.decoding, ending.num_classes
    is_level = decoding.topk_of == "level"
    has_loops = decoding.topk_of == "class" or (is_level and not decoding.has_background)
    if not (has_loops and decoding.suppresses and decoding.per_class):
        return None
    bound, num_anchors = match_ending(graph, params, ending)
    if bound is None:
        return None
    scores, offsets, stored = (bound[name] for name in ENDING_INPUTS)
    anchors = np.ascontiguousarray(as_numpy(params[stored[0].name])[0])
    total = sum(decoding.group_counts(num_classes, num_anchors))
    count = min(total, decoding.post_nms) if decoding.post_nms > 0 else total

    keep = partial(
        kept_of_candidates,
        anchors=anchors,
        decoding=decoding,
        count=count,
        input_size_hw=ending.input_size_hw,
    )
    if not is_level:
        return Graph([scores, offsets]), partial(_finish_classes, decoding=decoding, keep=keep)
    if scores[0].op != "sigmoid":
        return None
    logits = scores[0].inputs[0]
    maps = _maps_of_levels(logits, params, ending, input_shapes)
    finish = partial(_finish_levels, ending=ending, has_maps=bool(maps), keep=keep)
    return Graph([*(maps or [logits]), offsets]), finish


def _finish_classes(
    outputs: Sequence[Any], *, decoding: Decoding, keep: Keep
) -> NDArray[np.float32]:
    """Scores and offsets of a batch -> the kept rows, the best of each class."""
    pairs = zip(*map(_view, outputs), strict=True)
    return np.stack([keep(best_of_classes_compiled(s, decoding), o) for s, o in pairs])


def _finish_levels(
    outputs: Sequence[Any], *, ending: Ending, has_maps: bool, keep: Keep
) -> NDArray[np.float32]:
    """Logits and offsets of a batch -> the kept rows, the best of each level.

    The logits are one map a level (`has_maps`), or the rows of all levels in one array.
    """
    decoding = ending.decoding
    *raw, own_offsets = map(_view, outputs)
    kept = []
    for image in range(len(own_offsets)):
        levels = [Level(part[image], True) for part in raw]
        if not has_maps:
            ends = np.cumsum(decoding.level_anchors)[:-1]
            levels = [Level(part, False) for part in np.split(raw[0][image], ends)]
        best = best_of_levels_compiled(levels, decoding, ending.num_classes)
        kept.append(keep(best, own_offsets[image]))
    return np.stack(kept)


def match_ending(
    graph: Graph, params: Mapping[str, Any], ending: Ending
) -> tuple[dict[str, Output] | None, int]:
    """What stands for scores, offsets and anchors (`ENDING_INPUTS`), and the number of anchors.

    Constants of the graph are folded. None and 0 where it does not end as `ending` says.
    """

    def stored(name: str) -> NDArray[Any] | None:
        return as_numpy(params[name]) if name in params else None

    shapes = [tuple(params[name].shape) for name in graph.variables() if name in params]
    for num_anchors in sorted({s[1] for s in shapes if len(s) == 3 and s[::2] == (1, 4)}):
        pattern = _pattern(ending, num_anchors)
        if pattern is None:
            continue
        ends, arrays = pattern
        bound = match_graph(ends, graph, arrays.get, stored)
        if (
            bound
            and bound[ENDING_INPUTS[2]][0].op == VARIABLE
            and bound[ENDING_INPUTS[2]][0].name in params
        ):
            return bound, num_anchors
    return None, 0


def _pattern(ending: Ending, num_anchors: int) -> tuple[Graph, dict[str, Any]] | None:
    """The end of a graph as the decoder makes it, constants folded, and its arrays."""
    scores, offsets, anchors = (mx.sym.var(name) for name in ENDING_INPUTS)
    try:
        outputs = decode_detections(
            mx.sym,
            scores,
            offsets,
            anchors,
            ending.decoding,
            num_classes=ending.num_classes,
            num_anchors=num_anchors,
            input_size_hw=ending.input_size_hw,
        )
    except ModelError:
        return None  # these numbers do not go together
    graph = parse_graph(mx.sym.Group(list(outputs)).tojson())
    width = ending.num_classes + ending.decoding.has_background
    shapes = [(1, num_anchors, width), (1, num_anchors, 4), (1, num_anchors, 4)]
    arrays: dict[str, Any] = {}
    fold_constants(graph, arrays, dict(zip(ENDING_INPUTS, shapes, strict=True)))
    return graph, arrays


def _maps_of_levels(
    logits: Output,
    params: Mapping[str, Any],
    ending: Ending,
    input_shapes: Mapping[str, tuple[int, ...]],
) -> list[Output]:
    """The class predictions of each level as convolutions leave them, (B, shapes * C, H * W).

    [] where they are not joined as rows of anchors that go pixel by pixel. Moving the channels of
    all levels behind the pixels, and joining them, takes longer than the loops.
    """
    joint = logits[0]
    if joint.op == "Reshape" and joint.numbers("shape", ())[:2] == _ROWS:
        joint = joint.inputs[0][0]
    if joint.op != "Concat" or joint.number("dim", 1) != 1:
        return []
    maps = [_before_rows(source) for source, _ in joint.inputs]
    found = [output for output in maps if output is not None]
    if len(found) != len(maps) or not input_shapes:
        return []
    sizes = [np.prod(shape) for shape in output_shapes(Graph(found), dict(params), input_shapes)]
    wanted = [anchors * ending.num_classes for anchors in ending.decoding.level_anchors]
    if sizes != wanted:
        return []
    # As one row of pixels a channel they have no layout of oneDNN's own.
    flat = {"shape": "(0, 0, -1)"}
    return [(Node("Reshape", f"{n.name}_pixels", dict(flat), [(n, i)]), 0) for n, i in found]


def _before_rows(node: Node) -> Output | None:
    """What is turned from (B, channels, H, W) into rows of anchors here."""
    if node.op not in ("Reshape", "Flatten"):
        return None
    turned = node.inputs[0][0]
    is_turn = turned.op == "transpose" and turned.numbers("axes", ()) == _CHANNELS_LAST
    return turned.inputs[0] if is_turn else None


class _Shared:
    """An MXNet array as NumPy's `from_dlpack` wants it: the same memory, not a copy."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, stream: Any = None) -> Any:
        return self._array.to_dlpack_for_read()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the processor


def _view(array: Any) -> NDArray[np.float32]:
    """The values of an MXNet array on the processor; waits for them."""
    array.wait_to_read()
    view: NDArray[np.float32] = np.from_dlpack(_Shared(array))
    return view
