"""Rows of class heads that move by name, on heads of one or two anchor shapes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.class_heads import ClassChange, adapt_heads, classes_in_file
from gluon_ssd.models.interface import Network
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.models.spec import Spec


@dataclass
class Heads(Network):
    """A network that is nothing but the biases of two heads; first values are -1."""

    classes: tuple[str, ...]
    activation: str = "softmax"
    shapes: dict[str, int] = field(default_factory=lambda: {"one.bias": 1, "two.bias": 2})

    def __post_init__(self) -> None:
        self.spec = Spec(
            name="heads",
            family="test",
            network="heads",
            dataset="custom",
            input_size_hw=(8, 8),
            decoding=Decoding(score_activation=self.activation),
        )

    def class_heads(self) -> dict[str, int]:
        return self.shapes

    def first_value(self, name, shape, seed):
        return np.full(shape, -1, np.float32)


def biases(one: list, two: list) -> dict:
    return {"one.bias": np.array(one), "two.bias": np.array(two), "body": np.ones(5)}


def test_rows_follow_their_class():
    arrays = biases([0, 1, 2], [10, 11, 12, 20, 21, 22])
    adapted, change = adapt_heads(Heads(("b", "new", "a")), arrays, ("a", "b"), seed=0)
    assert change == ClassChange(reused=("b", "a"), new=("new",), dropped=())
    assert adapted["one.bias"].tolist() == [0, 2, -1, 1]
    assert adapted["two.bias"].tolist() == [10, 12, -1, 11, 20, 22, -1, 21]
    assert adapted["body"] is arrays["body"]
    assert arrays["one.bias"].tolist() == [0, 1, 2]


def test_without_a_background_every_row_is_a_class():
    arrays = biases([1, 2], [11, 12, 21, 22])
    adapted, change = adapt_heads(Heads(("b",), "sigmoid"), arrays, ("a", "b"), seed=0)
    assert change == ClassChange(reused=("b",), dropped=("a",))
    assert adapted["one.bias"].tolist() == [2]
    assert adapted["two.bias"].tolist() == [12, 22]


def test_weights_move_with_all_their_values():
    weight = np.arange(12, dtype=np.float32).reshape(3, 2, 2, 1)
    network = Heads(("b",), shapes={"one.weight": 1})
    adapted, _ = adapt_heads(network, {"one.weight": weight}, ("a", "b"), seed=0)
    np.testing.assert_array_equal(adapted["one.weight"], weight[[0, 2]])


def test_the_same_classes_move_nothing():
    arrays = biases([0, 1], [10, 11, 20, 21])
    adapted, change = adapt_heads(Heads(("a",)), arrays, ("a",), seed=0)
    assert change == ClassChange(reused=("a",))
    assert all(adapted[name] is array for name, array in arrays.items())


def test_heads_of_other_numbers_of_rows_and_missing_ones_are_left_to_the_comparison():
    arrays = {"two.bias": np.zeros(7)}
    adapted, _ = adapt_heads(Heads(("b",)), arrays, ("a", "b"), seed=0)
    assert adapted == arrays


def test_a_change_is_told_in_one_line():
    change = ClassChange(("a", "b", "c", "d"), ("e",))
    assert str(change) == (
        "4 classes reused (a, b, c and 1 more), 1 newly initialised (e), 0 dropped (none)"
    )


@pytest.mark.parametrize(
    ("rows", "classes"),
    [
        (3, ("x", "y")),  # as many as the network has
        (21, VOC_CLASSES),
        (81, COCO_CLASSES),
        (1, ("x", "y")),  # the background alone tells nothing
    ],
)
def test_the_number_of_rows_tells_the_classes(rows, classes):
    assert classes_in_file(Heads(("x", "y")), biases([0] * rows, []), None, "f") == classes


def test_a_record_tells_the_classes_and_no_head_nothing():
    network = Heads(("x", "y"))
    record = ModelRecord("heads", ("p", "q", "r"), (8, 8))
    assert classes_in_file(network, biases([0] * 4, []), record, "f") == ("p", "q", "r")
    assert classes_in_file(network, {"body": np.ones(1)}, record, "f") == ("p", "q", "r")
    assert classes_in_file(network, {"body": np.ones(1)}, None, "f") == ("x", "y")
    two = Heads(("x", "y"), shapes={"two.bias": 2})
    odd = {"two.bias": np.zeros(41)}  # no multiple of two shapes
    assert classes_in_file(two, odd, None, "f") == ("x", "y")
    no_background = Heads(("x", "y"), "sigmoid")
    assert classes_in_file(no_background, biases([0] * 20, []), None, "f") == VOC_CLASSES


@pytest.mark.parametrize("rows", [3, 5, 21])
def test_a_record_of_another_number_is_refused_with_both_counts(rows):
    record = ModelRecord("heads", ("p", "q", "r"), (8, 8))
    message = rf"w\.params was made for {rows - 1} classes, .*w\.json names 3 \(p, q, r\)"
    with pytest.raises(WeightsError, match=message):
        classes_in_file(Heads(("x", "y")), biases([0] * rows, []), record, "w.params")


def test_one_class_over_the_background_is_a_class():
    with pytest.raises(WeightsError, match="was made for 1 classes whose names are unknown"):
        classes_in_file(Heads(("x", "y")), biases([0] * 2, []), None, "w.params")


def test_a_number_without_names_is_refused():
    message = r"w\.params was made for 3 classes whose names are unknown, .* has 2; .*w\.json$"
    with pytest.raises(WeightsError, match=message):
        classes_in_file(Heads(("x", "y")), biases([0] * 4, []), None, "w.params")
