"""Files that an earlier version wrote are read, go on, and give the numbers they gave there.

tests/golden/written_before/README.md tells how they were made. What is only read is compared bit
for bit. What is computed differs in its last digits with the instructions and the threads of a
CPU: by 6e-8 in weights and 1e-6 in scores where that was tried (SSE4.1 to AVX-512, one thread and
two), so it is compared within tolerances, and bit for bit on the kind of CPU that made the files.
The int8 kernels of different instructions differ by far more, since those without VNNI cut off
sums. Scripts that run them are therefore started as processes with the instructions set that made
the files, which every CPU has that runs MXNet today.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.entry_builders import (
    ROOT,
    SMALL,
    TRAIN,
    Ended,
    arrays_of,
    assert_same_arrays,
    evaluate,
    export,
    python,
    train,
    working_in,
)

GOLDEN = Path(__file__).parent / "golden" / "written_before"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text("utf-8"))

# Below the folder that everything is unpacked into, and that every command runs in.
NAME = "ssd_160_tiny_custom"
DATA = Path("data")
CHECKPOINT = Path("run") / f"{NAME}_checkpoint.npz"
WEIGHTS = Path("run") / f"{NAME}_best.params"
BARE = Path("bare") / f"{NAME}_best.params"  # the same without the .json beside it

TINY = ("--network", "tiny", "--data-shape", 160)
RUN = (
    *(*TINY, "--batch-size", 4, "--augmentation", "light"),
    *("--lr", 0.02, "--lr-decay-epoch", "16,23", "--epochs", 24),
    *("--val-interval", 5, "--save-interval", 0, "--log-interval", 1),
    *("--resume", CHECKPOINT),
)
FACTS = (
    *("epoch", "batch", "step", "num_updates", "best_score", "best_epoch", "network"),
    *("random_python", "random_numpy"),
)

PINNED = {"DNNL_MAX_CPU_ISA": "AVX2", "OMP_NUM_THREADS": "1"}
CPU = re.findall(
    r"^(?:vendor_id|cpu family|model)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE
)
SAME_CPU = pytest.mark.skipif(
    CPU[:3] != EXPECTED["cpu"],
    reason=f"the last bits were computed on a CPU of another kind: {' '.join(EXPECTED['cpu'])}",
)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the earlier version and its data set; not to be written to."""
    folder = tmp_path_factory.mktemp("before")
    shutil.unpack_archive(GOLDEN / "files.tar.xz", folder, filter="data")
    shutil.copytree(GOLDEN / "data", folder / DATA)
    (folder / BARE.parent).mkdir()
    shutil.copy(folder / WEIGHTS, folder / BARE)
    (folder / "names.txt").write_text("ball\nbox\n")
    (folder / "other_order.txt").write_text("box\nball\n")
    return folder


def run_of(before: Path, folder: Path) -> Path:
    """A folder with a copy of the stopped run and its data set, to go on in."""
    for name in ("run", "data"):
        shutil.copytree(before / name, folder / name)
    return folder


def go_on(folder: Path, *argv: object) -> Ended:
    """Resume the run of a folder in this process, with the options it was started with."""
    with working_in(folder):
        return train(CHECKPOINT.parent, DATA, *RUN, *argv)


@pytest.fixture(scope="module")
def resumed(before: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """How the resumed run ended, and the folder with it."""
    folder = run_of(before, tmp_path_factory.mktemp("resumed"))
    ended = go_on(folder)
    assert ended.code == 0, ended.err
    return ended, folder


def run_pinned(script: str, folder: Path, argv: Sequence[object]) -> str:
    """What a script prints in a process of its own with the instructions that made the files."""
    done = subprocess.run(
        python(ROOT / script, *argv),
        cwd=folder,
        env={**os.environ, **PINNED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def facts_of(checkpoint: Path) -> dict[str, Any]:
    """The compared facts of a checkpoint, and the state of NumPy's generator as a list."""
    with np.load(checkpoint, allow_pickle=False) as file:
        facts = json.loads(file["facts"].tobytes())
        return {key: facts[key] for key in FACTS} | {"numpy": file["random/numpy"].tolist()}


def events_of(folder: Path, event: str, keys: Sequence[str]) -> list[list[Any]]:
    """Fields of all lines of one kind in the journal of a folder."""
    text = (folder / f"{NAME}_journal.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return [[line[key] for key in keys] for line in lines if line["event"] == event]


def params_of(path: Path) -> list[np.ndarray]:
    """The arrays of a parameter file in its order."""
    from gluon_ssd.compat import mx

    return [array.asnumpy() for array in mx.nd.load(str(path)).values()]


def assert_printed_and_found(printed: str, file: Path, form: str, rows: str) -> None:
    """The lines of an evaluation and the detections it wrote are those of the earlier version."""
    assert printed.splitlines()[2:] == EXPECTED["printed"][form]
    expected = EXPECTED["found"][rows]
    written = json.loads(file.read_text("utf-8"))["detections"]
    found = [row for row in written if row["score"] > EXPECTED["above"]]
    for key in ("image", "class"):
        assert [row[key] for row in found] == [row[key] for row in expected]
    for key, tolerance in (("score", 1e-4), ("box_px", 0.02)):
        values, wanted = ([row[key] for row in some] for some in (found, expected))
        np.testing.assert_allclose(values, wanted, rtol=0, atol=tolerance, err_msg=key)


# --- a checkpoint within an epoch ---------------------------------------------------------------


def test_checkpoint_read_and_written_again_keeps_every_bit(before: Path, tmp_path: Path):
    """With the same --limit-steps nothing is left to train: it is validated and written again."""
    folder = run_of(before, tmp_path)
    (folder / CHECKPOINT).rename(folder / "old.npz")
    ended = go_on(folder, "--limit-steps", 45, "--resume", "old.npz")
    assert ended.code == 0, ended.err
    assert "Resuming with another option" not in ended.err
    assert_same_arrays(arrays_of(folder / CHECKPOINT), arrays_of(before / CHECKPOINT))
    assert facts_of(folder / CHECKPOINT) == facts_of(before / CHECKPOINT)


def test_resumed_run_says_where_it_goes_on_and_what_changed(resumed: tuple[Ended, Path]):
    lines = resumed[0].err.splitlines()
    assert [line for line in lines if line.startswith("Resuming")] == [
        "Resuming with another option: limit_steps was 45 in the checkpoint and is 0 now"
    ]
    assert "Start training from [Epoch 22]" in lines
    assert "[Epoch 23] Set learning rate to 0.0002" in lines
    # The best was 0.9205 in epoch 15 when it stopped.
    assert resumed[0].out.splitlines()[-1] == "best mAP 0.9273 in epoch 23"


@pytest.mark.parametrize(
    ("pattern", "count", "atol"),
    [
        (r"weights/.*\.(weight|bias|gamma|beta)", 57, 1e-6),
        (r"weights/.*\.running_(mean|var)", 22, 5e-5),
        (r"weights/.*\.anchors", 6, 0),
        (r"momentum/.*", 57, 3e-7),
    ],
)
def test_resumed_run_ends_with_the_same_arrays(
    resumed: tuple[Ended, Path], before: Path, pattern: str, count: int, atol: float
):
    """The last three steps move weights by 1e-3 to 1e-2; momentum is of that size."""
    found = arrays_of(resumed[1] / CHECKPOINT)
    expected = arrays_of(before / "ended" / CHECKPOINT.name)
    assert found.keys() == expected.keys()
    keys = [key for key in expected if re.fullmatch(pattern, key)]
    assert len(keys) == count
    for key in keys:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-5, atol=atol, err_msg=key)


@SAME_CPU
def test_resumed_run_ends_with_the_same_bits(before: Path, tmp_path: Path):
    folder = run_of(before, tmp_path)
    places = ("--dataset-root", DATA, "--save-prefix", "run/")
    run_pinned("train_ssd.py", folder, (*TRAIN, *places, *RUN))
    found, expected = folder / CHECKPOINT, before / "ended" / CHECKPOINT.name
    assert_same_arrays(arrays_of(found), arrays_of(expected))
    assert facts_of(found) == facts_of(expected)


def test_resumed_run_continues_the_journal_and_the_list_of_best_epochs(
    resumed: tuple[Ended, Path], before: Path
):
    folders = (resumed[1] / "run", before / "ended")
    lists = [(folder / f"{NAME}_best_map.log").read_text() for folder in folders]
    assert lists[0] == lists[1]
    scores = [events_of(folder, "validation", ("epoch", "values")) for folder in folders]
    assert scores[0] == scores[1]
    keys = ("epoch", "step", "lr", "CrossEntropy", "SmoothL1")
    epochs = [events_of(folder, "epoch", keys) for folder in folders]
    assert len(epochs[1]) == 24
    np.testing.assert_allclose(epochs[0], epochs[1], rtol=1e-4)


# --- weights and exported models ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "rtol"), [("plain", ("--no-fuse",), 0), ("folded", (), 1e-6)]
)
def test_weights_exported_anew_are_the_arrays_exported_before(
    before: Path, tmp_path: Path, name: str, options: tuple[str, ...], rtol: float
):
    """As they are, bit for bit; and with batch norm folded in."""
    ended = export(before / WEIGHTS, tmp_path / name, *TINY, *options)
    assert ended.code == 0, ended.err
    found = params_of(tmp_path / f"{name}-0000.params")
    expected = params_of(before / "exported" / f"{name}-0000.params")
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=rtol)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("weights", ("--pretrained", WEIGHTS)),
        ("other_order", ("--pretrained", WEIGHTS, "--classes", "other_order.txt")),
        ("bare", ("--pretrained", BARE, "--classes", "names.txt")),
        (
            "export_as_weights",
            ("--pretrained", "exported/plain-0000.params", "--classes", "names.txt"),
        ),
        ("folded", ("--deploy", "--model-prefix", "exported/folded")),
        ("plain", ("--deploy", "--model-prefix", "exported/plain")),
        ("as_written", ("--deploy", "--model-prefix", "exported/plain", "--no-fuse")),
    ],
)
def test_float32_model_scores_and_finds_the_same(
    before: Path, tmp_path: Path, form: str, options: tuple[object, ...]
):
    file = tmp_path / "found.json"
    data = ("--splits", "train+val", "--save-detections", file)
    with working_in(before):
        ended = evaluate(DATA, None, *TINY, *data, *options)
    assert ended.code == 0, ended.err
    assert_printed_and_found(ended.out, file, form, "weights")


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_int8_model_scores_and_finds_the_same(before: Path, tmp_path: Path, mode: str):
    file = tmp_path / "found.json"
    model = (*SMALL, *TINY, "--deploy", "--model-prefix", f"int8/{NAME}-quantized-{mode}")
    data = ("--dataset-root", DATA, "--splits", "train+val", "--batch-size", 2)
    printed = run_pinned("eval_ssd.py", before, (*model, *data, "--save-detections", file))
    assert_printed_and_found(printed, file, mode, mode)
