"""Join the predictions of all levels as rows of anchors, which MXNet copies faster."""

from __future__ import annotations

from collections.abc import Mapping

from gluon_ssd.deploy.mxnet.graph import Graph, Node, Params, output_shapes

_WHOLE_BATCH = (0, -1)


def join_levels(graph: Graph, params: Params, input_shapes: Mapping[str, tuple]) -> int:
    """Reshape the predictions of each level before they are joined instead of all of them after.

    Networks flatten each level to (B, numbers), join those, and give the long row its shape
    (B, anchors, columns) at the end. The values stay where they are in memory either way, but
    oneDNN joins two-dimensional arrays one number at a time. Joined as (B, anchors, columns) they
    are copied in blocks.

    Args:
        graph: changed in place; its outputs stay the same to the bit.
        params, input_shapes: its arrays, and name -> shape of every input.

    Returns:
        How many joints were changed.
    """
    changed = 0
    for joint in list(graph.find("Concat")):
        reshaped = _only_reshape(graph, joint)
        if reshaped is None or any(source.op != "Flatten" for source, _ in joint.inputs):
            continue
        columns = reshaped.numbers("shape", ())[2]
        shapes = output_shapes(Graph(joint.inputs), params, input_shapes)
        if any(numbers % columns for _, numbers in shapes):
            continue  # a row that starts in one level and ends in the next
        for position, (flat, _) in enumerate(joint.inputs):
            rows = Node("Reshape", f"{flat.name}_rows", dict(reshaped.attrs), list(flat.inputs))
            joint.inputs[position] = (rows, 0)
        graph.replace((reshaped, 0), (joint, 0))
        changed += 1
    return changed


def _only_reshape(graph: Graph, joint: Node) -> Node | None:
    """The reshape to (B, anchors, columns) of a joint along axis 1 that nothing else reads."""
    users = graph.users().get(id(joint), [])
    if joint.number("dim", 1) != 1 or len(users) != 1 or graph.is_head(joint):
        return None
    ((user, _),) = users
    shape = user.numbers("shape", ())
    in_rows = len(shape) == 3 and shape[:2] == _WHOLE_BATCH and shape[2] > 0
    return user if user.op == "Reshape" and in_rows and not user.flag("reverse") else None
