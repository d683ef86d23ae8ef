"""int8 models of OpenVINO: what is quantised, the file, the accuracy control, what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import EnvironmentProblem, Interrupted, ModelError, OptionError
from tests.deploy.openvino_builders import write_tiny_ir
from tests.deploy.tune_builders import IMAGES

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]

BATCHES = [IMAGES[:4], IMAGES[4:6]]


@pytest.fixture(scope="module")
def lib() -> ModuleType:
    """The module, imported where its package is there."""
    from gluon_ssd.deploy.openvino import quantize

    return quantize


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny detector in float32."""
    from gluon_ssd.deploy.openvino.float_detector import read_float_detector

    return read_float_detector(write_tiny_ir(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def int8(lib, tiny):
    """The tiny detector, quantised."""
    return lib.quantize(tiny, BATCHES)


def kinds_behind(network, names) -> set[str]:
    """Types of what reads some operators."""
    operators = {each.get_friendly_name(): each for each in network.get_ops()}
    return {
        target.get_node().get_type_name()
        for name in names
        for output in operators[name].outputs()
        for target in output.get_target_inputs()
    }


def test_all_layers_are_quantised_and_the_decoding_is_not(lib, tiny, int8) -> None:
    assert lib.layers_in_float(int8, tiny) == ()
    assert "FakeQuantize" not in kinds_behind(int8, tiny.decoding)
    assert all(each.get_type_name() != "FakeQuantize" for each in tiny.network.get_ops())


def test_excluded_layers_stay_in_float(lib, tiny) -> None:
    first, last = tiny.weighted[0], tiny.weighted[-1]
    found = lib.quantize(tiny, BATCHES, lib.Recipe(in_float=(first, last)))
    assert lib.layers_in_float(found, tiny) == (first, last)


def test_per_tensor_weights_are_coarser(lib, tiny, int8) -> None:
    found = lib.quantize(tiny, BATCHES, lib.Recipe(per_channel=False))
    assert lib.weight_bytes(found) < lib.weight_bytes(int8)


def test_written_model_finds_what_float32_finds(lib, tiny, int8, tmp_path: Path) -> None:
    path = tmp_path / "new" / "tiny-int8.xml"
    stages = []
    agreement = lib.write_quantized(
        int8, tiny, str(path), BATCHES, progress=lambda stage, done, total: stages.append(stage)
    )
    assert agreement.num_images == 6 and agreement.likeness > 0.99 and set(stages) == {"compare"}
    assert sorted(os.listdir(path.parent)) == ["tiny-int8.bin", "tiny-int8.xml"]
    found = load_detector(str(path))
    assert found.precision == "int8" and found.record == tiny.record
    fp32 = load_detector(tiny.path)
    for one, two in zip(found.run_heads(IMAGES[:5]), fp32.run_heads(IMAGES[:5]), strict=True):
        assert np.abs(one - two).mean() < 0.1 * np.abs(two).mean()


def test_weights_take_a_quarter(lib, tiny, int8) -> None:
    # Scales and biases of a network this small are a large share; large ones come to 0.27.
    assert lib.weight_bytes(int8) < 0.5 * lib.weight_bytes(tiny.network)


def test_same_images_give_the_same_bytes(lib, tiny, int8, tmp_path: Path) -> None:
    lib.write_quantized(int8, tiny, str(tmp_path / "one.xml"), BATCHES)
    again = lib.quantize(tiny, [np.concatenate(BATCHES)])
    lib.write_quantized(again, tiny, str(tmp_path / "two.xml"), BATCHES)
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "two.bin").read_bytes()


def negated(network):
    """A copy of a network that gives the opposite of its first output."""
    from openvino import opset13

    found = network.clone()
    target = found.results[0].input(0)
    source = target.get_source_output()
    names = source.names
    source.get_tensor().set_names(set())
    opposite = opset13.negative(source)
    opposite.output(0).get_tensor().set_names(names)
    target.replace_source_output(opposite.output(0))
    return found


def test_model_that_predicts_something_else_is_not_written(lib, tiny, int8, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="odd.xml was not written.*correlation -"):
        lib.write_quantized(negated(int8), tiny, str(tmp_path / "odd.xml"), BATCHES)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_one_line(lib, tiny, int8, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EnvironmentProblem, match="cannot make the folder"):
        lib.write_quantized(int8, tiny, str(tmp_path / "file" / "x.xml"), BATCHES)


def test_no_images_are_refused(lib, tiny) -> None:
    with pytest.raises(OptionError, match="at least 1 calibration image, got 0"):
        lib.quantize(tiny, [])


def test_nothing_to_quantise_is_refused(lib, tiny) -> None:
    with pytest.raises(OptionError, match="leave nothing to quantise"):
        lib.quantize(tiny, BATCHES, lib.Recipe(in_float=tiny.weighted))


@pytest.mark.parametrize(
    ("mode", "dtype", "message"),
    [("entropy", "auto", "mode naive; got 'entropy'"), ("naive", "uint8", "got 'uint8'")],
)
def test_ways_that_nncf_lacks_are_refused(lib, mode: str, dtype: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        lib.check_calibration(mode, dtype)


def test_check_may_end_the_work(lib, tiny) -> None:
    def stop() -> None:
        raise Interrupted("stopped", 2)

    with pytest.raises(Interrupted):
        lib.quantize(tiny, BATCHES, check=stop)


# --- accuracy control -----------------------------------------------------------------------------


class Scores:
    """Scores by how near outputs are to float32's: 1 for equal ones."""

    def __init__(self, tiny) -> None:
        self._fp32 = load_detector(tiny.path).run_heads(IMAGES)
        self.given: list[float] = []

    def __call__(self, model) -> float:
        pairs = zip(model.run_heads(IMAGES), self._fp32, strict=True)
        error = max(float(np.abs(one - two).mean() / np.abs(two).mean()) for one, two in pairs)
        self.given.append(1 - error)
        return 1 - error


def test_accuracy_within_the_limit_gives_nothing_back(lib, tiny) -> None:
    scores = Scores(tiny)
    found = lib.quantize_within_limit(tiny, BATCHES, scores, lib.AccuracyLimit(0.5))
    assert lib.layers_in_float(found, tiny) == ()
    assert len(scores.given) == 2 and scores.given[0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("is_relative", [True, False])
def test_layers_are_given_back_until_the_limit_is_kept(lib, tiny, tmp_path, is_relative) -> None:
    scores = Scores(tiny)
    lib.quantize_within_limit(tiny, BATCHES, scores, lib.AccuracyLimit(0.5, is_relative))
    loss = (1 - scores.given[-1]) * 0.9
    limit = lib.AccuracyLimit(loss, is_relative)
    log = tmp_path / "log"
    found = lib.quantize_within_limit(tiny, BATCHES, scores, limit, lib.Recipe(log=log))
    back = lib.layers_in_float(found, tiny)
    assert 0 < len(back) < len(tiny.weighted)
    assert scores.given[-1] >= 1 - loss - 1e-4
    assert "Reverted" in log.read_text()


def test_no_more_layers_are_given_back_than_allowed(lib, tiny) -> None:
    scores = Scores(tiny)
    limit = lib.AccuracyLimit(0.0, most_layers=1)
    lib.quantize_within_limit(tiny, [IMAGES[:1]], scores, limit)
    assert len(scores.given) == 3


def test_score_may_end_the_accuracy_control(lib, tiny) -> None:
    def stop(model) -> float:
        raise Interrupted("stopped", 2)

    with pytest.raises(Interrupted):
        lib.quantize_within_limit(tiny, BATCHES, stop, lib.AccuracyLimit(0.5))
