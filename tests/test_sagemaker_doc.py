"""The commands of docs/sagemaker.md, on an archive made of a really trained detector."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from gluon_ssd.options import declare
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.options.train import TrainCommand
from tests.deploy.mxnet.model_archives import NAME, write_archive
from tests.entry_builders import ROOT, run_script

TEXT = (ROOT / "docs/sagemaker.md").read_text(encoding="utf-8")
LINES = [
    shlex.split(line)
    for block in re.findall(r"^```\n(.+?)^```", TEXT, re.M | re.S)
    for line in block.splitlines()
]
OPTIONS = {
    "eval_ssd.py": EvalCommand,
    "scripts/export_ssd.py": ExportCommand,
    "scripts/serve_ssd.py": ServeCommand,
    "scripts/convert_weights.py": ConvertCommand,
    "train_ssd.py": TrainCommand,
}
FEW = ("--limit-images", "6", "--batch-size", "3", "-j", "0")


def commands(*scripts: str) -> list[list[str]]:
    """The command lines of these scripts, in their order: the script and its arguments."""
    return [line[1:] for line in LINES if line[0] == "python" and line[1] in scripts]


def test_every_command_is_known():
    assert {line[0] for line in LINES} == {"python", "curl", "tar"}
    for script, *arguments in commands(*OPTIONS):
        if script != "train_ssd.py":  # whose file must be there
            declare.parse(OPTIONS[script], arguments, prog=script, description="")
    assert len(commands(*OPTIONS)) == sum(line[0] == "python" for line in LINES) == 8


@pytest.fixture
def place(shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the archive and the names of its classes."""
    source = shared_dir / "other-mxnet/real-accuracy"
    weights = shared_dir / "weights/ssd_300_mobilenet0.75_voc-0000.params"
    for archive, symbol in (("model.tar.gz", NAME), ("plain.tar.gz", "multibox_rgb_0_255")):
        members = {
            f"{NAME}-symbol.json": (source / f"{symbol}-symbol.json").read_bytes(),
            f"{NAME}-0000.params": weights.read_bytes(),
            "hyperparams.json": (source / "hyperparams.json").read_bytes(),
        }
        write_archive(tmp_path / archive, members)
    shutil.copy(source / "classes.txt", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.onnx
def test_the_page_from_the_archive_to_map_int8_and_onnx(place: Path, shared_dir: Path):
    scores = []
    for script, *arguments in commands("eval_ssd.py", "scripts/export_ssd.py"):
        given = [str(shared_dir / "data/voc-mini") if a == "DIR" else a for a in arguments]
        few = FEW if script == "eval_ssd.py" else ()
        if not few:
            # The training form of this material picks the best of two equal numbers, which no
            # real network does, and which rounds otherwise in ONNX Runtime; its twin does not.
            Path("plain.tar.gz").replace("model.tar.gz")
        ended = run_script(script, *given, *few)
        assert ended.code == 0, (script, arguments, ended.err)
        scores += re.findall(r"^mAP (\S+)$", ended.out, re.M)
    made = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert {"detector.onnx", f"int8/{NAME}-quantized-naive-symbol.json"} <= made
    float32, int8, onnx = map(float, scores)
    assert abs(float32 - onnx) < 1e-3 and abs(float32 - int8) < 0.1, scores
