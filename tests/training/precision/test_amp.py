"""Training in mixed precision: graph, gradients, loss scale, and whole runs in processes apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.cpu import asks_for_amx, cpu_flags, has_bfloat16
from gluon_ssd.training.precision import amp as precision
from tests.training.precision.test_convolutions import six_levels

ROOT = Path(__file__).resolve().parents[3]

needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What tests/training/amp_life.py saw: MXNet's AMP cannot be taken back in a process."""
    folder = tmp_path_factory.mktemp("amp")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.training.amp_life", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads((folder / "seen.json").read_text())


def types_inside(symbol):
    """Name of each convolution to the type it computes in."""
    inner = symbol.get_internals()
    names = [
        name for name in inner.list_outputs() if name.endswith("_output") and "amp_cast" not in name
    ]
    types = mx.sym.Group([inner[name] for name in names]).infer_type(data="float32")[1]
    return {n.removesuffix("_output"): np.dtype(t).name for n, t in zip(names, types, strict=True)}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_converted_graph_computes_low_and_returns_float32(dtype):
    symbol, _ = six_levels(128)
    converted = precision.convert_graph(symbol, dtype, kept=["l4", "l5"])
    types = types_inside(converted)
    assert types["l4"] == types["l5"] == "float32"
    low = {name for name, found in types.items() if found != "float32"}
    assert low == {"l0", "l1", "l1_1x1", "l2", "l2_1x1", "l3", "l3_1x1", "l4_1x1", "l5_1x1"}
    assert converted.infer_type(data="float32")[1] == [np.float32]
    assert "amp_cast" not in symbol.tojson()  # the network's own graph stays as it is


def norm_values(low):
    """Outputs, gradients and new statistics of convolution, batch norm, ReLU and convolution."""
    x = mx.sym.Convolution(mx.sym.var("data"), num_filter=32, kernel=(3, 3), name="c")
    x = mx.sym.BatchNorm(x, fix_gamma=False, momentum=0.5, name="n")
    x = mx.sym.Activation(x, act_type="relu", name="a")
    x = mx.sym.Convolution(x, num_filter=16, kernel=(1, 1), name="d")
    if low:
        x = precision.convert_graph(x, "bfloat16", low_norm=True)
        types = types_inside(x)
        assert types["n"] == types["a"] == types["c"] != "float32"
    block = mx.gluon.SymbolBlock(x, [mx.sym.var("data")])
    block.initialize()
    block.hybridize(static_alloc=True, static_shape=True)
    rng = np.random.default_rng(0)
    image = mx.nd.array(rng.normal(size=(4, 16, 12, 12)))
    image.attach_grad()
    block(image)  # finds the shapes
    parameters = dict(sorted(block.collect_params().items()))
    for parameter in parameters.values():
        if parameter.grad_req == "null":
            parameter.set_data(mx.nd.zeros(parameter.shape))
        else:
            parameter.set_data(mx.nd.array(rng.normal(size=parameter.shape, scale=0.2)))
    with mx.autograd.record():
        output = block(image)
    output.backward(mx.nd.array(rng.normal(size=output.shape)))
    arrays = {"output": output, "image gradient": image.grad}
    for name, parameter in parameters.items():
        moving = parameter.grad_req == "null"
        arrays[name] = parameter.data() if moving else parameter.grad()
    assert all(array.dtype == np.float32 for array in arrays.values())
    return {name: array.asnumpy() for name, array in arrays.items()}


@needs_bfloat16
@pytest.mark.filterwarnings("ignore:Cannot decide type")  # amp_cast takes any
@pytest.mark.skipif(asks_for_amx(os.environ), reason="with AMX batch norm stays float32")
def test_batch_norm_in_bfloat16_computes_what_float32_does():
    found, expected = norm_values(low=True), norm_values(low=False)
    for name, array in expected.items():
        if name == "c_bias":  # batch norm takes the mean away: zero but for rounding
            continue
        error = np.linalg.norm(found[name] - array) / np.linalg.norm(array)
        assert error < 0.04, (name, error)  # bfloat16 keeps 8 bits


def weight_gradients(symbol, arrays, image):
    """Gradients of all weights for a fixed gradient of the outputs."""
    arguments = {"data": image, **arrays}
    wanted = {name: mx.nd.zeros_like(arguments[name]) for name in arrays}
    bound = symbol.bind(mx.cpu(), arguments, args_grad=wanted)
    (output,) = bound.forward(is_train=True)
    bound.backward(mx.nd.array(np.random.default_rng(1).normal(size=output.shape)))
    return {name: gradient.asnumpy() for name, gradient in wanted.items()}


def gradient_errors():
    """Largest error of each weight's gradient in bfloat16, with the guard and without."""
    symbol, image_shape = six_levels(128, filters=64)
    rng = np.random.default_rng(0)
    image = mx.nd.array(rng.normal(size=(4, *image_shape)))
    names, shapes = symbol.list_arguments(), symbol.infer_shape(data=image.shape)[0]
    arrays = {
        name: mx.nd.array(rng.normal(size=shape, scale=0.2))
        for name, shape in zip(names, shapes, strict=True)
        if name != "data"
    }
    expected = weight_gradients(symbol, arrays, image)

    def worst(kept):
        converted = precision.convert_graph(symbol, "bfloat16", kept)
        errors = {}
        for _ in range(5):
            found = weight_gradients(converted, arrays, image)
            for name, gradient in expected.items():
                error = np.abs(found[name] - gradient).max() / np.abs(gradient).max()
                errors[name] = max(errors.get(name, 0.0), float(np.nan_to_num(error, nan=1e9)))
        return errors

    split = precision.split_convolutions(precision.convolutions(symbol, image_shape), "bfloat16")
    unguarded = worst([])
    faulty = [unguarded[f"{name}_weight"] for name in split.faulty]
    return {"guarded": max(worst(split.faulty).values()), "faulty": max(faulty)}


@needs_bfloat16
def test_gradients_are_wrong_without_the_guard_and_right_with_it():
    """What the fault leaves unwritten may by chance hold the right values of an earlier pass.

    So the process is one of its own, and its C library fills memory with 0x4b, 1.3e7 as float32.
    """
    code = (
        "import json; from tests.training.precision.test_amp import gradient_errors; "
        "print(json.dumps(gradient_errors()))"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**os.environ, "MALLOC_PERTURB_": str(0xFF - 0x4B)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    errors = json.loads(ended.stdout)
    assert errors["guarded"] < 0.1
    assert errors["faulty"] > 0.2


def head_network(filters):
    """A network of one head with static parameters; class logits are its outputs, twice."""

    class Heads(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.head = mx.gluon.nn.Conv2D(filters, 3, padding=1, in_channels=16)

        def hybrid_forward(self, F, x):
            out = self.head(x)
            return out, F.identity(out), F.zeros_like(x)

    network = Heads()
    network.initialize(mx.init.Normal(0.1))
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def test_float32_on_a_cpu_computes_the_same_with_padded_filters():
    network = head_network(84)
    padded = precision.fastest_precision(mx.cpu(), mixed=False)
    padded.convert(network, (3, 8, 8))
    image = mx.nd.array(np.random.default_rng(0).normal(size=(2, 16, 8, 8)))
    seen = []
    for block in (network, padded.forward(network)):
        with mx.autograd.record():
            outputs = block(image)[:2]
        mx.autograd.backward(list(outputs))
        arrays = [*outputs, *(each.grad() for each in network.collect_params().values())]
        seen.append([array.asnumpy() for array in arrays])
    assert padded.forward(network) is not network
    for expected, found in zip(*seen, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_where_nothing_gains_the_network_itself_is_trained():
    network = head_network(96)
    padded = precision.fastest_precision(mx.cpu(), mixed=False)
    padded.convert(network, (3, 8, 8))
    assert padded.forward(network) is network
    on_gpu = precision.fastest_precision(mx.gpu(), mixed=False)
    on_gpu.convert(head_network(84), (3, 8, 8))
    assert on_gpu.forward(network) is network


def test_a_cpu_without_bfloat16_is_told(monkeypatch):
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"avx512f", "amx_int8"}))
    with pytest.raises(
        EnvironmentProblem, match="mixed precision needs a GPU, or a CPU with bfloat16 .AVX"
    ):
        precision.low_precision(mx.cpu())
    assert precision.low_precision(mx.gpu(0)) == "float16"


@needs_bfloat16
def test_cpus_with_it_take_bfloat16():
    assert precision.low_precision(mx.cpu()) == "bfloat16"


@needs_bfloat16
def test_a_run_in_bfloat16_learns_beside_one_in_float32(runs):
    # Without AMX the heads, filled up with filters of zeros, gain as well.
    assert runs["low"] == (1 if asks_for_amx(os.environ) else 3) and runs["total"] == 4
    assert runs["bfloat16_losses"][0] == pytest.approx(runs["float32_losses"][0], rel=0.01)
    assert runs["bfloat16_losses"] != runs["float32_losses"]
    assert runs["bfloat16_losses"][-1] == pytest.approx(runs["float32_losses"][-1], rel=0.1)
    assert runs["bfloat16_journal"] == {"loss_scale": 1.0, "skipped": 0}


@needs_bfloat16
def test_weights_are_float32_and_nothing_saved_knows_of_it(runs):
    assert runs["weight_types"] == ["float32"]
    assert runs["exported_casts"] == 0


@needs_bfloat16
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(runs):
    assert runs["bfloat16_resumed_equal"] is True


@needs_bfloat16
def test_a_broken_loss_ends_the_run(runs):
    assert "the loss is not finite at" in runs["broken"]
    assert "000005.jpg" in runs["broken"]


def test_an_overflow_is_skipped_and_counted_and_the_scale_halved(runs):
    # Scaled by 2^16 the gradients of one batch are infinite, as the loss itself is not.
    assert runs["scaled_journal"]["skipped"] == 2
    assert runs["scaled_journal"]["loss_scale"] == 2.0 ** (16 - runs["scaled_journal"]["skipped"])
    assert runs["scaled_updates"] == runs["scaled_steps"] - runs["scaled_journal"]["skipped"]


def test_scaling_changes_nothing_but_the_last_bits(runs):
    assert runs["plain_scaled_difference"] < 1e-5


def test_the_loss_scale_is_restored(runs):
    assert runs["scaled_resumed_equal"] is True
    assert runs["scaled_state"] == runs["scaled_resumed_state"]
    assert runs["scaled_state"]["next_loss_scale"] < 2.0**16


def test_gradients_that_always_overflow_end_the_run(runs):
    assert "the gradients overflow whatever the loss scale" in runs["lost"]


@needs_bfloat16
@pytest.mark.parametrize("rule", ["sgd_torch", "adam"])
def test_other_rules_of_updates_in_bfloat16(runs, rule):
    single, low = runs[f"{rule}_losses"]
    assert low[0] == pytest.approx(single[0], rel=0.02) and low != single
    assert runs[f"{rule}_resumed_equal"] is True


@pytest.mark.parametrize("rule", ["sgd_torch", "adam"])
def test_other_rules_of_updates_undo_the_scale_and_skip_what_overflows(runs, rule):
    assert runs[f"{rule}_scaled_difference"] < 2e-5
    assert runs[f"{rule}_skipped"] == 2
