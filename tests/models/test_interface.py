from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.interface import Network, parameters_of
from gluon_ssd.models.spec import Spec

SPEC = Spec(
    name="net_8_custom",
    family="test",
    network="net",
    dataset="custom",
    input_size_hw=(8, 12),
    mean=(0.1, 0.2, 0.3),
    std=(0.4, 0.5, 0.6),
    decoding=Decoding(nms_topk=7),
)


class Small(Network, mx.gluon.nn.HybridSequential):
    """One dense layer; an anchor per pixel."""

    spec = SPEC
    classes = ("ant", "bee")

    def __init__(self) -> None:
        super().__init__()
        self.add(mx.gluon.nn.Dense(2, in_units=3))

    def anchors(self, input_size_hw=None):
        height, width = input_size_hw or self.input_size_hw
        return np.zeros((height * width, 4), np.float32)

    def class_heads(self):
        return {"0.weight": 1}


def test_facts_are_those_of_the_spec():
    network = Small()
    assert (network.name, network.input_size_hw) == ("net_8_custom", (8, 12))
    assert (network.mean, network.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (network.num_anchors(), network.num_anchors((2, 3))) == (96, 6)
    assert list(network.anchor_constants()) == []


def test_a_record_has_the_facts_and_what_differs():
    network = Small()
    network.weights_from = "a run"
    record = network.record(input_size_hw=(16, 16))
    assert (record.name, record.classes, record.family) == ("net_8_custom", ("ant", "bee"), "test")
    assert record.input_size_hw == (16, 16)
    assert (record.mean, record.std) == (network.mean, network.std)
    assert (record.weights_from, record.decoding) == ("a run", SPEC.decoding)
    assert network.record().input_size_hw == (8, 12)
    assert record.input_format == network.input_format((16, 16))
    assert network.input_format() == SPEC.input_format((8, 12))
    with pytest.raises(TypeError, match="colour"):
        network.record(colour="RGB")


def test_a_network_must_say_its_anchors_and_heads():
    with pytest.raises(NotImplementedError):
        Network().anchors()
    with pytest.raises(NotImplementedError):
        Network().class_heads()


def test_first_values_of_heads_and_others():
    network = Small()
    assert network.first_value("0.bias", (2,), seed=1).tolist() == [0, 0]
    bound = np.sqrt(2 / ((3 + 2) / 2))  # uniform by the average fan
    head = network.first_value("0.weight", (2, 3), seed=1)
    assert np.abs(head).max() < bound and head.dtype == np.float32
    np.testing.assert_array_equal(head, network.first_value("0.weight", (2, 3), seed=1))
    assert (head != network.first_value("0.weight", (2, 3), seed=2)).all()
    assert (head != network.first_value("1.weight", (2, 3), seed=1)).all()


def test_names_of_exports_become_structural():
    network = Small()
    assert list(parameters_of(network)) == ["0.weight", "0.bias"]
    tails = [
        parameter.name.removeprefix(network.prefix) for parameter in parameters_of(network).values()
    ]
    numbered = {f"small7_{tail}": number for number, tail in enumerate(tails)}
    bare = dict(zip(tails, (0, 1), strict=True))
    structural = {"0.weight": 0, "0.bias": 1}
    for arrays in (numbered, bare, structural):
        assert network.converted(arrays | {"else": 2}) == structural | {"else": 2}
