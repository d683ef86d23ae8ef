"""Files that a quantiser reads, from what the options name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.commands.wiring.float_models import float_model
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from tests.deploy.tune_builders import SIZE, export_tiny

pytestmark = pytest.mark.onnx


class Named(DetectorFacts):
    """Notes what it was made of."""

    def __init__(self, path: str, input_size_hw) -> None:
        self.path, self.input_size_hw = path, input_size_hw
        self.content = Path(path).read_bytes() if path.endswith(".onnx") else b""
        self.record, self.num_classes = None, None


def opened(prefix: object, reads: tuple[str, ...], *options: object) -> Named:
    argv = ["--deploy", "--model-prefix", prefix, "--data-shape", SIZE, *options]
    argv = [str(word) for word in argv]
    command = parse(EvalCommand, argv, prog="eval_ssd.py", description="")
    with float_model(command, reads, Named) as model:
        return model


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> str:
    return export_tiny(tmp_path_factory.mktemp("pair"))


def test_a_pair_is_taken_as_it_is_for_mxnet(pair):
    assert opened(pair, ()).path == pair


def test_a_pair_becomes_a_file_where_it_must(pair):
    found = opened(pair, (".onnx",))
    assert Path(found.path).name == "tiny.onnx" and b"gluon_ssd_model" in found.content
    assert not Path(found.path).exists()  # it was in a folder for temporary files


def test_files_are_taken_as_they_are_with_or_without_their_ending(tmp_path: Path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x")
    assert opened(path, (".onnx",)).path == str(path)
    assert opened(tmp_path / "model", (".xml", ".onnx")).path == str(path)


@pytest.mark.parametrize(
    ("name", "reads", "message"),
    [
        ("m.onnx", (), r"MXNet quantises exported pairs of its own; got m.onnx"),
        ("m.xml", (".onnx",), r"ends in .onnx, or is an exported pair of MXNet; got m.xml"),
    ],
)
def test_files_for_another_runtime_are_refused(name, reads, message):
    with pytest.raises(OptionError, match=message):
        opened(name, reads)
