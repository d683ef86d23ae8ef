"""The launchers of published trainings, by the command that they print: it is parsed for real."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.train import TrainCommand
from tests.entry_builders import ROOT

LAUNCH = ROOT / "scripts" / "launch"

# launcher, its network, processes, images of each, rate, warm-up steps, mixed precision
NVIDIA = """
SSD300_FP16_1GPU 1 64 0.0026 300 amp
SSD300_FP16_4GPU 4 64 0.0026 300 amp
SSD300_FP16_8GPU 8 64 0.0026 300 amp
SSD300_FP32_1GPU 1 32 0.0026 300 -
SSD300_FP32_4GPU 4 32 0.0026 300 -
SSD300_FP32_8GPU 8 32 0.0026 300 -
SSD300_A100_FP16_1GPU 1 256 0.0026 300 amp
SSD300_A100_FP16_4GPU 4 256 0.0027 1200 amp
SSD300_A100_FP16_8GPU 8 128 0.0027 1200 amp
SSD300_A100_FP32_8GPU 8 128 0.0027 1200 -
"""
# configuration, recipe, nodes, GPUs of each, images of each, epochs, target, warm-up, hours, amp
MLPERF = """
DGXA100_001x08x032 mlperf_retinanet 1 8 32 8 0.34 1 08 amp
DGXA100_002x08x016 mlperf_retinanet 2 8 16 8 0.34 1 04 amp
DGXA100_008x08x008 mlperf_retinanet 8 8 8 8 0.34 1 04 amp
DGXA100_032x08x032 mlperf_retinanet 32 8 32 35 0.34 1 04 amp
DGXA100_008x08x004_inference_benchmark mlperf_retinanet 8 8 4 15 0.99 1 04 amp
DGX1_32 mlperf_ssd_r34 1 1 32 70 0.23 0 - -
DGX1_singlenode mlperf_ssd_r34 1 8 128 70 0.23 2.619685 - -
DGX1_multinode mlperf_ssd_r34 2 8 64 70 0.23 2.619685 - -
"""


def rows(table):
    return [line.split() for line in table.strip().splitlines()]


def names(table):
    return [row[0] for row in rows(table)]


def call(*argv, folder=ROOT, **environment):
    """A launcher, and how it ended."""
    return subprocess.run(
        ["bash", *map(str, argv)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def printed(*argv, **environment):
    """The words before the script's name of the command that a launcher prints, and its options."""
    ended = call(*argv, **environment)
    assert ended.returncode == 0, ended.stderr
    command = shlex.split(ended.stdout)
    place = next(n for n, word in enumerate(command) if word.endswith("_ssd.py"))
    kind = TrainCommand if command[place].endswith("train_ssd.py") else EvalCommand
    return command[:place], parse(kind, command[place + 1 :], prog="x", description="")


def test_every_launcher_is_in_a_table_here():
    others = [f"SSD300_{p}_{k}" for p in ("FP16", "FP32") for k in ("EVAL", "INFERENCE_BENCHMARK")]
    assert sorted(p.stem for p in (LAUNCH / "nvidia").iterdir()) == sorted(names(NVIDIA) + others)
    shared = ["config_DGXA100_common", "config_DGX1_common", "run_and_time", "run"]
    configurations = [f"config_{name}" for name in names(MLPERF)]
    found = sorted(p.stem for p in (LAUNCH / "mlperf").iterdir())
    assert found == sorted(shared + configurations)
    assert sorted(p.stem for p in (LAUNCH / "yannqi").iterdir()) == ["multi_gpu", "single_gpu"]


@pytest.mark.parametrize("how", ["flag", "variable", "with the project's folder"])
@pytest.mark.parametrize("row", rows(NVIDIA), ids=names(NVIDIA))
def test_nvidias_launchers(row, how):
    name, processes, batch, rate, warmup, amp = row
    script = LAUNCH / "nvidia" / f"{name}.sh"
    ways = {
        "flag": (("--dry-run", "/coco"), {}),
        "variable": (("/coco",), {"DRY_RUN": "1"}),
        "with the project's folder": (("--dry-run", ".", "/coco"), {}),
    }
    argv, environment = ways[how]
    before, command = printed(script, *argv, "--epochs", 7, **environment)
    if int(processes) == 1:
        assert before == ["python"] and not command.train.horovod
    else:
        assert before == ["horovodrun", "-np", processes, "--gloo", "python"]
        assert command.train.horovod
    optimizer, train = command.optimizer, command.train
    assert train.recipe == "nvidia_ssd300"
    assert (command.network.name, command.data.dataset_root) == ("ssd300_resnet50_coco", "/coco")
    assert (optimizer.batch_size_per_device, optimizer.lr) == (int(batch), float(rate))
    assert (optimizer.warmup_iters, train.amp) == (int(warmup), amp == "amp")
    assert (optimizer.epochs, optimizer.decay_epochs) == (7, (43, 54))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_nvidias_evaluation_and_benchmark(dtype):
    name = f"SSD300_FP{dtype[-2:]}_"
    scripts = [LAUNCH / "nvidia" / f"{name}{kind}.sh" for kind in ("EVAL", "INFERENCE_BENCHMARK")]
    _, command = printed(scripts[0], "--dry-run", "/coco", "w.params", "--limit-images", 5)
    assert command.network.name == "ssd300_resnet50_coco"
    assert (command.eval.pretrained, command.eval.batch_size) == ("w.params", 32)
    assert (command.eval.dtype, command.data.limit_images) == (dtype, 5)
    assert command.modes.mode == "evaluation"
    _, command = printed(scripts[1], "--dry-run", "/coco", "--batch-size", 8)
    assert (command.eval.batch_size, command.eval.dtype) == (8, dtype)
    assert command.times_inference
    assert (command.modes.benchmark_warmup, command.modes.benchmark_iterations) == (100, 200)


@pytest.mark.parametrize(("name", "processes"), [("single_gpu", 1), ("multi_gpu", 2)])
def test_yannqis_launchers(name, processes):
    before, command = printed(LAUNCH / "yannqi" / f"{name}.sh", "--dry-run", "/coco")
    assert ("2" in before) is (processes == 2)
    assert (command.network.name, command.train.seed) == ("ssd300_yannqi_coco", 42)
    assert command.optimizer.batch_size_per_device == 64


def mlperf(name, script, *argv, **environment):
    """The command of a script of MLPerf's after its configuration was sourced."""
    words = shlex.join(["bash", str(LAUNCH / "mlperf" / script), *map(str, argv)])
    source = shlex.quote(str(LAUNCH / "mlperf" / f"config_{name}.sh"))
    return printed("-c", f"set -eu; source {source}; {words}", **environment)


@pytest.mark.parametrize("script", ["run_and_time.sh", "run.sub"])
@pytest.mark.parametrize("row", rows(MLPERF), ids=names(MLPERF))
def test_mlperfs_configurations(row, script):
    name, recipe, nodes, gpus, batch, epochs, target, warmup, hours, amp = row
    before, command = mlperf(name, script, "--dry-run", DATASET_DIR="/data")
    if int(nodes) > 1:
        assert before[:5] == ["srun", "--nodes", nodes, "--ntasks-per-node", gpus]
    elif int(gpus) > 1:
        assert before == ["horovodrun", "-np", gpus, "--gloo", "python"]
    else:
        assert before == ["python"]
    assert command.train.horovod is (int(nodes) * int(gpus) > 1)
    optimizer, train = command.optimizer, command.train
    assert (train.recipe, command.data.dataset_root) == (recipe, "/data")
    assert (optimizer.batch_size_per_device, optimizer.epochs) == (int(batch), int(epochs))
    assert (train.target_map, optimizer.warmup_epochs) == (float(target), float(warmup))
    assert train.amp is (amp == "amp")
    assert train.eval_batch_size == int(batch)
    assert train.mllog == "mlperf_compliance.log"
    assert optimizer.update_rule == ("adam" if recipe == "mlperf_retinanet" else "sgd_torch")


@pytest.mark.parametrize("row", rows(MLPERF), ids=names(MLPERF))
def test_configurations_export_what_the_references_users_know(row):
    name, _, nodes, gpus, batch, epochs, _, _, hours, _ = row
    wanted = {
        "BATCHSIZE": batch,
        "NUMEPOCHS": epochs,
        "DGXNNODES": nodes,
        "DGXNGPU": gpus,
        "DGXSYSTEM": name,
        "DGXNSOCKET": "2",
        "DGXHT": "2",
    }
    if hours != "-":
        wanted |= {"WALLTIME": f"{hours}:00:00", "DGXSOCKETCORES": "64"}
    source = shlex.quote(str(LAUNCH / "mlperf" / f"config_{name}.sh"))
    ended = call("-c", f"source {source}; env")
    found = dict(line.partition("=")[::2] for line in ended.stdout.splitlines())
    assert {key: found.get(key) for key in wanted} == wanted
    assert found["DATASET_DIR"] and "EXTRA_PARAMS" in found


def test_mlperfs_log_has_the_name_that_the_environment_gives():
    name = "DGXA100_001x08x032"
    _, command = mlperf(name, "run_and_time.sh", "--dry-run", COMPLIANCE_FILE="a.log")
    assert command.train.mllog == "a.log"
    _, command = mlperf(name, "run_and_time.sh", "--dry-run", "--lr", 1, COMPLIANCE_FILE="")
    assert (command.train.mllog, command.optimizer.lr) == ("", 1)


@pytest.fixture
def stand_in(tmp_path):
    """A folder like the project's whose python tells what it was started with."""
    launch = tmp_path / "scripts" / "launch"
    (launch / "mlperf").mkdir(parents=True)
    for name in ("common.sh", "mlperf/run_and_time.sh", "mlperf/run.sub"):
        (launch / name).write_text((LAUNCH / name).read_text())
    bin_ = tmp_path / ".venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").write_text('#!/bin/sh\necho "trained: $*"\nexit ${EXIT_CODE:-0}\n')
    (bin_ / "python").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("code", [0, 3])
def test_run_and_time_tells_start_end_and_the_result_of_a_success(stand_in, code):
    script = stand_in / "scripts" / "launch" / "mlperf" / "run_and_time.sh"
    ended = call(script, RECIPE="mlperf_ssd_r34", EXIT_CODE=str(code), EXTRA_PARAMS="--lr 2")
    assert ended.returncode == code
    start, trained, end, *result = ended.stdout.splitlines()
    assert start.startswith("STARTING TIMING RUN AT 2") and end.startswith("ENDING TIMING RUN AT 2")
    assert "train_ssd.py --recipe mlperf_ssd_r34 --batch-size-per-device 2" in trained
    assert "--epochs 30 --log-interval 20" in trained and trained.endswith("--lr 2")
    if code:
        assert not result
        return
    (line,) = result
    begun = start.removeprefix("STARTING TIMING RUN AT ")
    name, benchmark, empty, seconds, owner, again = line.split(",")
    assert (name, benchmark, empty, owner) == ("RESULT", "SINGLE_STAGE_DETECTOR", "", "nvidia")
    assert 0 <= int(seconds) < 60 and again == begun


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("nvidia/SSD300_FP16_1GPU.sh",), "SSD300_FP16_1GPU.sh: error: name the folder of the dat"),
        (("nvidia/SSD300_FP32_EVAL.sh", "/coco"), "error: name the file of weights after"),
        (("mlperf/run_and_time.sh",), "run_and_time.sh: error: source a config_\\*.sh first"),
    ],
)
def test_a_missing_argument_is_one_line(argv, message):
    script, *rest = argv
    ended = call(LAUNCH / script, *rest)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert message.replace("\\", "") in ended.stderr


def test_several_nodes_without_slurm_are_one_line(tmp_path):
    environment = {"RECIPE": "mlperf_retinanet", "DGXNNODES": "2", "PATH": "/usr/bin:/bin"}
    ended = call(LAUNCH / "mlperf" / "run_and_time.sh", **environment)
    assert ended.returncode == 2
    assert "srun is not there; several nodes train within a SLURM job" in ended.stderr


@pytest.mark.parametrize(
    "script", [p.relative_to(LAUNCH) for p in sorted(LAUNCH.glob("*/*[UKL].sh"))], ids=str
)
def test_help_is_the_comment_at_the_top(script):
    ended = call(LAUNCH / script, "--help")
    assert ended.returncode == 0
    assert f"bash scripts/launch/{script} [--dry-run] DATA" in ended.stdout


def test_one_node_prints_its_command_too():
    ended = call(LAUNCH / "one_node.sh", 2, "--batch-size", 4, DRY_RUN="1")
    assert ended.stdout.split()[:4] == ["horovodrun", "-np", "2", "--gloo"]
