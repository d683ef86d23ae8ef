import json

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.int8.calibrate import collect_thresholds, tensor_outputs
from gluon_ssd.deploy.ranges.cut import entropy_range
from gluon_ssd.deploy.ranges.entropy import best_cut
from gluon_ssd.deploy.ranges.histogram import NUM_BINS, Histogram
from gluon_ssd.errors import ModelError

PARAMS = {
    "weight": np.linspace(-1, 1, 4 * 3 * 9, dtype=np.float32).reshape(4, 3, 3, 3),
    "dead": np.zeros((2, 4, 1, 1), np.float32),
}
TENSORS = ["data", "conv_output", "relu_output", "dead_output"]


@pytest.fixture(scope="module")
def graph():
    data = mx.sym.var("data")
    conv = mx.sym.Convolution(
        data, mx.sym.var("weight"), kernel=(3, 3), num_filter=4, no_bias=True, name="conv"
    )
    relu = mx.sym.relu(conv, name="relu")
    dead = mx.sym.Convolution(
        relu, mx.sym.var("dead"), kernel=(1, 1), num_filter=2, no_bias=True, name="dead"
    )
    return parse_graph(dead.tojson())


@pytest.fixture(scope="module")
def batches():
    rng = np.random.default_rng(5)
    return [rng.normal(0, size, (n, 3, 12, 12)).astype(np.float32) for size, n in ((1, 3), (4, 2))]


def collect(graph, batches, mode, progress=None):
    return collect_thresholds(graph, PARAMS, TENSORS, batches, mode=mode, progress=progress)


@pytest.fixture(scope="module")
def values(graph, batches):
    """Every value of every tensor, which the code under test never holds at once."""
    outputs = tensor_outputs(graph)
    network = CompiledGraph(
        Graph([outputs[name] for name in TENSORS]), PARAMS, ctx=mx.cpu(), inputs=("data",)
    )
    arrays = [output.asnumpy() for output in network(np.concatenate(batches))]
    return dict(zip(TENSORS, arrays, strict=True))


def test_naive_takes_the_extremes(graph, batches, values):
    found = collect(graph, batches, "naive")
    for name in ("data", "conv_output", "relu_output"):
        assert found[name] == pytest.approx((values[name].min(), values[name].max()), rel=1e-6)


@pytest.mark.parametrize(("name", "levels"), [("conv_output", 127), ("relu_output", 255)])
def test_entropy_searches_the_histogram_of_all_values(graph, batches, values, name, levels):
    magnitudes = np.abs(values[name][values[name] != 0])
    width = 2.0 ** (np.ceil(np.log2(magnitudes.max())) - np.log2(NUM_BINS))
    counts = np.bincount((magnitudes / width).astype(int), minlength=NUM_BINS)
    top = min(best_cut(counts, levels) * width, magnitudes.max())
    low, high = collect(graph, batches, "entropy")[name]
    assert high == pytest.approx(top, rel=1e-4)
    assert low == (0 if levels == 255 else -high)
    assert 0 < high <= np.float64(magnitudes.max())


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_order_of_the_images_does_not_matter(graph, batches, mode):
    backwards = [batch[::-1] for batch in batches[::-1]]
    assert collect(graph, batches, mode) == collect(graph, backwards, mode)


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_a_layer_that_gives_only_zeros_gets_a_range_to_divide_by(graph, batches, mode):
    assert collect(graph, batches, mode)["dead_output"] == (0.0, 1.0)


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_infinite_values_are_an_error(graph, batches, mode):
    broken = batches[0].copy()
    broken[1, 0, 0, 0] = np.inf
    with pytest.raises(ModelError, match="data of the fp32 network is not finite"):
        collect(graph, [broken], mode)


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_progress_counts_images(graph, batches, mode):
    told = []
    collect(graph, batches, mode, lambda *state: told.append(state))
    assert told[-1] == ("calibrate", 5, 5)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_range_of_a_histogram_never_exceeds_what_was_seen():
    histogram = Histogram()
    histogram.add(np.float32([-0.3, 0.1]))
    assert histogram.counts.sum() == 2
    assert entropy_range(histogram) == pytest.approx((-0.3, 0.3))


def test_thresholds_are_plain_numbers(graph, batches):
    for mode in ("naive", "entropy"):
        assert json.dumps(collect(graph, batches, mode))
