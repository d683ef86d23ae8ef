from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph, context_of, device_of, on_device
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.errors import ModelError

CPU = mx.cpu()


def graph_of(*symbols) -> Graph:
    return parse_graph(mx.sym.Group(list(symbols)).tojson())


def test_inputs_and_parameters_find_their_places():
    x, w, y = (mx.sym.var(name) for name in "xwy")
    graph = graph_of(x * 10 + w, x - y)
    params = {"w": np.array([1, 2], np.float32)}
    run = CompiledGraph(graph, params, ctx=CPU, inputs=("unused", "y", "x"))
    unused, y_value, x_value = (np.array(v, np.float32) for v in ([0, 0], [5, 6], [3, 4]))
    first = run(unused, y_value, x_value)
    second = run(unused, x_value, y_value)
    # Outputs of an earlier call stay when the next one has been pushed.
    assert [output.asnumpy().tolist() for output in first] == [[31, 42], [-2, -2]]
    assert [output.asnumpy().tolist() for output in second] == [[51, 62], [2, 2]]


def test_one_output_is_a_list_too_and_any_batch_length_runs():
    run = CompiledGraph(graph_of(mx.sym.var("x") + 1), {}, ctx=CPU, inputs=("x",))
    for length in (2, 3, 2):
        (output,) = run(np.zeros((length, 1), np.float32))
        assert output.asnumpy().tolist() == [[1]] * length


def test_without_inputs_the_device_is_known_all_the_same():
    run = CompiledGraph(graph_of(mx.sym.var("w") * 2), {"w": np.ones(2)}, ctx=CPU, inputs=())
    assert run()[0].asnumpy().tolist() == [2, 2]


def test_onednn_fuses_and_keeps_the_values():
    weight = np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1) - 2
    x = mx.sym.Convolution(
        mx.sym.var("x"), mx.sym.var("w"), kernel=(1, 1), num_filter=2, no_bias=True
    )
    graph, images = graph_of(mx.sym.relu(x)), np.ones((1, 2, 1, 1), np.float32)
    for onednn in (False, True):
        run = CompiledGraph(graph, {"w": weight}, ctx=CPU, inputs=("x",), onednn=onednn)
        assert run(images)[0].asnumpy().ravel().tolist() == [0, 1]


def test_a_parameter_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="w"):
        CompiledGraph(graph_of(mx.sym.var("w") * 2), {}, ctx=CPU, inputs=())


@pytest.mark.parametrize(
    ("device", "kind", "number"), [("cpu", "cpu", 0), ("gpu:0", "gpu", 0), ("gpu:3", "gpu", 3)]
)
def test_devices_by_name(device, kind, number):
    context = context_of(device)
    assert (context.device_type, context.device_id) == (kind, number)
    assert device_of(context) == device


def test_arrays_keep_their_type_and_stay_where_they_are():
    placed = mx.nd.ones(2, CPU)
    assert on_device(placed, CPU) is placed
    for dtype in (np.float32, np.float64, np.int8, np.int32):
        array = on_device(np.array([1, 2], dtype), CPU)
        assert array.dtype == dtype and array.asnumpy().tolist() == [1, 2]
    assert on_device([1.5], CPU).asnumpy().tolist() == [1.5]


def test_types_that_do_not_fit_are_one_line():
    x = mx.sym.var("x")
    run = CompiledGraph(graph_of(x + mx.sym.cast(x, "float64")), {}, ctx=CPU, inputs=("x",))
    with pytest.raises(
        ModelError, match=r"the model cannot be computed \(.*expected float"
    ) as error:
        run(np.zeros(2, np.float32))
    assert "\n" not in str(error.value)
