"""The columns of the class scores that detection looks at."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.graph import Graph, Node

_CHOICES = ("slice_axis", "take")


def chosen_scores(graph: Graph, scores: Node) -> Node:
    """The last node in a row of choices of columns behind an activation, or the activation."""
    while choice := _only_choice(graph, scores):
        scores = choice
    return scores


def select_scores_early(graph: Graph) -> int:
    """Let a choice of columns come before the sigmoid it follows; a detector may drop most.

    One that was trained on 90 classes and detects 20 of them, say: the other 71 scores of every
    anchor are never read. The graph is changed in place, and its outputs stay the same to the bit.
    Returns how many choices were moved.
    """
    moved = 0
    # A sigmoid looks at each number alone; a softmax needs its whole row.
    for activation in list(graph.find("sigmoid")):
        while choice := _only_choice(graph, activation):
            graph.replace((choice, 0), (activation, 0))
            choice.inputs[0] = activation.inputs[0]
            activation.inputs[0] = (choice, 0)
            moved += 1
    return moved


def _only_choice(graph: Graph, scores: Node) -> Node | None:
    """The choice of columns that alone reads a node of (B, anchors, columns)."""
    users = graph.users().get(id(scores), [])
    if len(users) != 1 or graph.is_head(scores):
        return None
    ((user, position),) = users
    is_choice = user.op in _CHOICES and position == 0 and user.number("axis", 0) in (2, -1)
    return user if is_choice else None
