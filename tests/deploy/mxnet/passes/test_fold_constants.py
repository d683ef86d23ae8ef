"""What depends on no image is computed once: small graphs, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Params, parse_graph
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants

SHAPE = (1, 2, 3, 4)


def folded(symbol: Any, shape: tuple[int, ...] = SHAPE, **arrays: Any) -> tuple[Graph, Params]:
    graph = parse_graph(symbol.tojson())
    params = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    fold_constants(graph, params, {"data": shape})
    return graph, {name: params[name] for name in graph.variables() if name in params}


def operators(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes() if node.op != VARIABLE]


def outputs(graph: Graph, params: Params, *images: np.ndarray) -> list[np.ndarray]:
    run = CompiledGraph(graph, params, ctx=mx.cpu(), inputs=("data",))
    return [output.asnumpy() for output in run(*(image.astype(np.float32) for image in images))]


def test_arithmetic_on_stored_arrays_becomes_one_array() -> None:
    data, a, b = (mx.sym.var(name) for name in ("data", "a", "b"))
    table = mx.sym.broadcast_add(a * 2, b, name="table")
    graph, params = folded(mx.sym.broadcast_add(data, table), a=[[1, 2]], b=[[10], [20]])
    assert operators(graph) == ["broadcast_add"]
    assert {name: array.tolist() for name, array in params.items()} == {
        "table_constant0": [[12, 14], [22, 24]]
    }
    assert outputs(graph, params, np.ones((2, 2)))[0].tolist() == [[13, 15], [23, 25]]


def test_numbers_that_start_from_no_array_are_folded_too() -> None:
    steps = mx.sym.arange(3, name="steps") * 2
    graph, params = folded(mx.sym.broadcast_add(mx.sym.var("data"), steps), (1, 3))
    assert operators(graph) == ["broadcast_add"]
    assert [array.tolist() for array in params.values()] == [[0, 2, 4]]


def test_what_depends_on_the_image_stays_and_so_do_its_arrays() -> None:
    symbol = mx.sym.broadcast_mul(mx.sym.exp(mx.sym.var("data")), mx.sym.var("a"))
    graph, params = folded(symbol, a=[3.0])
    assert operators(graph) == ["exp", "broadcast_mul"]
    assert {name: array.tolist() for name, array in params.items()} == {"a": [3]}


def test_arrays_that_nothing_uses_any_more_go() -> None:
    symbol = mx.sym.broadcast_add(mx.sym.var("data"), mx.sym.exp(mx.sym.var("a"), name="e"))
    _, params = folded(symbol, a=[0.0], unused=[1.0])
    assert {name: array.tolist() for name, array in params.items()} == {"e_constant0": [1]}


def test_an_array_with_two_kinds_of_users_stays_for_one() -> None:
    data, a = mx.sym.var("data"), mx.sym.var("a")
    symbol = mx.sym.broadcast_add(mx.sym.broadcast_add(data, a), mx.sym.exp(a, name="e"))
    graph, params = folded(symbol, a=[0.0])
    assert sorted(params) == ["a", "e_constant0"]
    assert operators(graph) == ["broadcast_add", "broadcast_add"]


def test_every_output_in_use_becomes_an_array_of_its_own() -> None:
    data, a = mx.sym.var("data"), mx.sym.var("a")
    parts = mx.sym.split(a, num_outputs=3, axis=0, name="parts")
    symbol = mx.sym.broadcast_add(mx.sym.broadcast_mul(data, parts[0]), parts[2])
    graph, params = folded(symbol, a=[2, 3, 5])
    assert {name: array.tolist() for name, array in params.items()} == {
        "parts_constant0": [2],
        "parts_constant2": [5],
    }
    assert outputs(graph, params, np.array([1.0, 10.0]))[0].tolist() == [7, 25]


def test_an_output_of_the_graph_may_be_constant() -> None:
    data, a = mx.sym.var("data"), mx.sym.var("a")
    graph, params = folded(mx.sym.Group([data + 1, mx.sym.exp(a, name="e"), a]), a=[0.0])
    assert operators(graph) == ["_plus_scalar"]
    image, table, stored = outputs(graph, params, np.array([1.0]))
    assert (image.tolist(), table.tolist(), stored.tolist()) == ([2], [1], [0])
    assert sorted(params) == ["a", "e_constant0"]


def test_a_name_in_use_is_not_taken() -> None:
    data, taken = mx.sym.var("data"), mx.sym.var("e_constant0")
    symbol = mx.sym.broadcast_add(
        mx.sym.broadcast_add(data, taken), mx.sym.exp(mx.sym.var("a"), name="e")
    )
    graph, params = folded(symbol, a=[0.0], e_constant0=[5])
    assert {name: array.tolist() for name, array in params.items()} == {
        "e_constant0": [5],
        "e_constant0_": [1],
    }
    assert outputs(graph, params, np.array([1.0]))[0].tolist() == [7]


@pytest.mark.parametrize(
    "drawn",
    [
        lambda a: mx.sym.random.uniform(shape=(1,)),
        lambda a: mx.sym.Dropout(a, mode="always"),
        lambda a: mx.sym.sample_normal(a, a),
    ],
    ids=["random", "Dropout", "sample"],
)
def test_random_numbers_are_drawn_anew(drawn: Any) -> None:
    symbol = mx.sym.broadcast_add(mx.sym.var("data"), mx.sym.exp(drawn(mx.sym.var("a"))))
    graph, params = folded(symbol, a=[1.0])
    assert "exp" in operators(graph) and not any("constant" in name for name in params)


# ---- crops to the size of another array


def cropped(axes: tuple[int, ...] | None, *, table: Any = None) -> Any:
    attributes = {} if axes is None else {"axes": axes}
    table = mx.sym.var("table") if table is None else table
    return mx.sym.slice_like(table, mx.sym.var("data"), name="crop", **attributes)


@pytest.mark.parametrize("axes", [(2, 3), (-2, -1), (3, -2)], ids=str)
def test_a_crop_to_the_size_of_the_image_is_constant(axes: tuple[int, ...]) -> None:
    table = np.arange(2 * 5 * 6).reshape(1, 2, 5, 6)
    graph, params = folded(mx.sym.broadcast_add(mx.sym.var("data"), cropped(axes)), table=table)
    assert operators(graph) == ["broadcast_add"]
    np.testing.assert_array_equal(params["crop_constant0"], table[:, :, :3, :4])
    (result,) = outputs(graph, params, np.ones((7, 2, 3, 4)))
    np.testing.assert_array_equal(result, np.tile(table[:, :, :3, :4] + 1, (7, 1, 1, 1)))


def test_a_crop_cuts_the_named_axes_alone() -> None:
    table = np.arange(3 * 5 * 6).reshape(1, 3, 5, 6)
    _, params = folded(mx.sym.Group([mx.sym.var("data"), cropped((3,))]), table=table)
    np.testing.assert_array_equal(params["crop_constant0"], table[:, :, :, :4])


def test_a_crop_of_what_depends_on_the_image_fits_any_batch() -> None:
    grown = mx.sym.UpSampling(mx.sym.var("data"), scale=2, sample_type="nearest")
    graph, params = folded(cropped((2, 3), table=grown))
    assert operators(graph) == ["UpSampling", "slice"] and params == {}
    image = np.arange(48.0).reshape(2, 2, 3, 4)
    expected = image.repeat(2, axis=2).repeat(2, axis=3)[:, :, :3, :4]
    np.testing.assert_array_equal(outputs(graph, params, image)[0], expected)


@pytest.mark.parametrize("axes", [None, (0,), (0, 1)], ids=str)
def test_a_crop_along_the_batch_stays(axes: tuple[int, ...] | None) -> None:
    graph, params = folded(cropped(axes), table=np.ones((5, 6, 7, 8)))
    assert operators(graph) == ["slice_like"] and sorted(params) == ["table"]


def test_crops_of_different_sizes_are_told_apart() -> None:
    data = mx.sym.var("data")
    small = mx.sym.Pooling(data, kernel=(1, 1), stride=(2, 2), name="small")
    crops = [
        mx.sym.slice_like(mx.sym.var("table"), like, axes=(2, 3), name=name)
        for like, name in ((data, "large_crop"), (small, "small_crop"))
    ]
    _, params = folded(mx.sym.Group([data, *crops]), table=np.ones((1, 1, 9, 9)))
    assert {name: array.shape for name, array in params.items()} == {
        "large_crop_constant0": (1, 1, 3, 4),
        "small_crop_constant0": (1, 1, 2, 2),
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"axis": 3}, [0, 1, 2, 3]),
        ({"axis": -1, "start": 5, "step": 0.5}, [5, 5.5, 6, 6.5]),
        ({"axis": 3, "repeat": 2}, [0, 0, 1, 1]),
    ],
)
def test_numbers_counted_along_the_image_become_an_array(
    settings: dict[str, float], expected: list[float]
) -> None:
    data = mx.sym.var("data")
    symbol = mx.sym.broadcast_add(data, mx.sym.contrib.arange_like(data * 2, **settings))
    graph, params = folded(symbol)
    assert operators(graph) == ["broadcast_add"]
    assert [array.tolist() for array in params.values()] == [expected]
    found = outputs(graph, params, np.zeros((5, *SHAPE[1:])))[0]
    assert (found == np.array(expected)).all() and len(found) == 5


@pytest.mark.parametrize("settings", [{"axis": 0}, {}])
def test_numbers_counted_along_the_batch_stay(settings: dict[str, int]) -> None:
    data = mx.sym.var("data")
    graph, params = folded(mx.sym.contrib.arange_like(data, **settings))
    assert operators(graph) == ["_contrib_arange_like"] and not params
    for batch in (1, 3):
        count = batch * (1 if settings else 24)
        found = outputs(graph, params, np.zeros((batch, *SHAPE[1:])))[0]
        assert found.ravel().tolist() == list(range(count))
