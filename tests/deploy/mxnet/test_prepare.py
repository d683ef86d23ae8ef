"""The ordered list of graph passes: which run when, and that files get no more than they had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import INPUT, read_exported
from gluon_ssd.deploy.mxnet.prepare import PASSES, prepare
from tests.deploy.conftest import INPUT_HW, random_images

SHAPES = {INPUT: (1, 3, *INPUT_HW)}


@pytest.fixture
def ran(monkeypatch):
    """The names of the passes that ran, in order."""
    names = []

    def noting(name, apply):
        return lambda *arguments: (names.append(name), apply(*arguments))

    for name, each in PASSES.items():
        monkeypatch.setitem(PASSES, name, replace(each, apply=noting(name, each.apply)))
    return names


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, list(PASSES)),
        ({"may_round": False}, list(PASSES)[:-1]),
        ({"for_export": True}, ["fold constants", "fold batch norm"]),
    ],
    ids=["fp32", "int8", "export"],
)
def test_passes_run_in_the_order_of_the_list(zoo_prefix, ran, options, expected):
    exported = read_exported(zoo_prefix)
    prepare(exported.graph, exported.params, SHAPES, **options)
    assert ran == expected


def test_passes_that_keep_bits_keep_them(zoo_prefix):
    before, after = read_exported(zoo_prefix), read_exported(zoo_prefix)
    params = prepare(after.graph, after.params, SHAPES, may_round=False)
    run = {"ctx": mx.cpu(), "inputs": (INPUT,)}
    images = random_images(2)
    one = CompiledGraph(before.graph, before.params, **run)(images)
    other = CompiledGraph(after.graph, params, **run)(images)
    assert len(after.graph.nodes()) < len(before.graph.nodes())
    for found, expected in zip(other, one, strict=True):
        np.testing.assert_array_equal(found.asnumpy(), expected.asnumpy())


def test_arrays_are_those_of_the_changed_graph_and_the_old_ones_stay(zoo_prefix):
    exported = read_exported(zoo_prefix)
    before = dict(exported.params)
    params = prepare(exported.graph, exported.params, SHAPES)
    assert list(params) == [name for name in exported.graph.variables() if name != INPUT]
    assert exported.params.keys() == before.keys()
    assert all(exported.params[name] is array for name, array in before.items())


def test_a_prepared_graph_is_prepared_already(zoo_prefix):
    exported = read_exported(zoo_prefix)
    params = prepare(exported.graph, exported.params, SHAPES)
    operators = [node.op for node in exported.graph.nodes()]
    again = prepare(exported.graph, params, SHAPES)
    assert [node.op for node in exported.graph.nodes()] == operators
    assert list(again) == list(params)
