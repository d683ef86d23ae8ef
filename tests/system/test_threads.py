"""How MXNet is told to share the processor: settings of users stay, and MXNet obeys."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.system import cpu, threads

ROOT = Path(__file__).resolve().parents[2]
_OURS = (
    "GLUON_SSD_CORES",
    "OMP_NUM_THREADS",
    "DNNL_MAX_CPU_ISA",
    "MXNET_CPU_PARALLEL_SIZE",
    "GOMP_SPINCOUNT",
)


def machine(folder, siblings, quota=None):
    """A /sys that shows these siblings for the processors this process may use, in turn."""
    for number, processor in enumerate(sorted(os.sched_getaffinity(0))):
        topology = folder / f"devices/system/cpu/cpu{processor}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings(number) + "\n")
    if quota:
        (folder / "fs/cgroup").mkdir(parents=True)
        (folder / "fs/cgroup/cpu.max").write_text(quota)
    return folder


def test_hyperthreads_count_once(tmp_path):
    count = len(os.sched_getaffinity(0))
    assert threads.physical_cores(machine(tmp_path / "apart", str)) == count
    assert threads.physical_cores(machine(tmp_path / "pairs", lambda number: "0-63")) == 1


@pytest.mark.parametrize(
    ("quota", "limit"), [("150000 100000", 1), ("max 100000", 99), ("50000 100000", 1)]
)
def test_the_share_of_a_container_is_a_limit(tmp_path, quota, limit):
    count = len(os.sched_getaffinity(0))
    assert threads.physical_cores(machine(tmp_path, str, quota)) == min(count, limit)


def test_the_share_of_a_container_of_the_first_version(tmp_path):
    folder = tmp_path / "fs/cgroup/cpu"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("250000\n")
    assert cpu.container_share(tmp_path) == 2.5
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert cpu.container_share(tmp_path) == math.inf


def test_unknown_processors_are_taken_for_hyperthreads(tmp_path):
    assert threads.physical_cores(tmp_path) == max(1, len(os.sched_getaffinity(0)) // 2)


def test_settings_of_the_user_stay():
    theirs = {"MXNET_CPU_PARALLEL_SIZE": "7", "OMP_WAIT_POLICY": "passive"}
    environment = dict(theirs)
    threads.set_thread_waiting(environment)
    assert environment == theirs  # a wait policy makes the count of spins the user's business
    environment = {"GOMP_SPINCOUNT": "5"}
    threads.set_thread_waiting(environment)
    assert environment == {"GOMP_SPINCOUNT": "5", "MXNET_CPU_PARALLEL_SIZE": "2000000000"}


@pytest.mark.parametrize("name", ["HOROVOD_LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"])
def test_processes_of_one_launcher_share_the_cores(monkeypatch, name):
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    monkeypatch.setattr(threads, "physical_cores", lambda: 8)
    monkeypatch.setattr(threads, "use_amx", lambda: False)
    found = {}
    for size in ("1", "3", "20"):
        environment = {name: size}
        threads.use_whole_cpu(environment)
        assert environment["GLUON_SSD_CORES"] == "free"
        found[size] = environment["OMP_NUM_THREADS"]
    assert found == {"1": "8", "3": "2", "20": "1"}
    kept = {name: "2", "OMP_NUM_THREADS": "5"}
    threads.use_whole_cpu(kept)
    assert kept == {name: "2", "OMP_NUM_THREADS": "5"}  # so that it stays five


def test_nothing_changes_once_mxnet_is_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "mxnet", object())
    environment: dict[str, str] = {}
    threads.use_whole_cpu(environment)
    assert environment == {}


@pytest.mark.parametrize(
    ("flags", "isa", "said"),
    [
        ("sse4_2 avx2", "", "no VNNI"),
        ("avx2 avx_vnni", "", "VNNI"),
        ("avx512_vnni amx_tile amx_int8", "", "VNNI"),
        ("avx512_vnni amx_tile amx_int8", "avx512_core_amx", "AMX"),
        ("avx512_vnni", "AVX512_CORE_AMX", "VNNI"),
    ],
)
def test_instruction_set(monkeypatch, flags, isa, said):
    monkeypatch.setattr(threads, "cpu_flags", lambda: frozenset(flags.split()))
    assert threads.instruction_set({"DNNL_MAX_CPU_ISA": isa}) == said


_CONVOLVE = """
import sys, hashlib, json, os
from gluon_ssd.system.threads import use_whole_cpu, instruction_set
if sys.argv[1] == "whole":
    use_whole_cpu()
from gluon_ssd.compat import mx
import numpy as np
rng = np.random.default_rng(0)
images = np.abs(rng.normal(0, 1, (1, 64, 12, 12))).astype(np.float32)
weight = rng.normal(0, 0.1, (80, 64, 3, 3)).astype(np.float32)
from mxnet.contrib import quantization as q
symbol = mx.sym.Convolution(mx.sym.var("data"), name="c", num_filter=80, kernel=(3, 3))
symbol = symbol.get_backend_symbol("MKLDNN_QUANTIZE")
symbol, names = q._quantize_symbol(symbol, mx.cpu(), offline_params=["c_weight", "c_bias"],
                                   quantized_dtype="auto")
ranges = {name: (0.0, 4.0) if name == "data" else (-5.0, 5.0) for name in [*names, "data"]}
symbol = q._calibrate_quantized_sym(symbol, ranges).get_backend_symbol("MKLDNN_QUANTIZE")
arrays = {"data": images, "c_weight": weight, "c_bias": rng.normal(0, 1, 80)}
names = symbol.list_inputs()
operator = mx.nd.CachedOp(symbol)
with mx.cpu():
    out = operator(*[mx.nd.array(arrays[name]) for name in names]).asnumpy()
assert len(set(out.ravel())) > 50
print(json.dumps({"threads": os.environ.get("OMP_NUM_THREADS"), "instructions": instruction_set(),
                  "sum": hashlib.sha256(out.tobytes()).hexdigest()}))
"""


def convolve(how):
    """Run an int8 convolution in a fresh process."""
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CONVOLVE, how],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.splitlines()[-1])


def test_every_core_and_matrix_instructions_give_the_same_bits():
    usual, whole = convolve("usual"), convolve("whole")
    assert usual["threads"] is None
    assert whole["threads"] == str(threads.physical_cores())
    assert whole["sum"] == usual["sum"]
    assert usual["instructions"] != "AMX"


_OWN_TEAM = """
import json, os
from gluon_ssd.system import cpu, threads
threads.set_thread_waiting()
from gluon_ssd.compat import mx
count = lambda: len(os.listdir("/proc/self/task"))
def convolved():
    x, w = mx.nd.ones((1, 32, 32, 32)), mx.nd.ones((64, 32, 3, 3))
    return mx.nd.Convolution(x, w, kernel=(3, 3), num_filter=64, no_bias=True)
convolved().wait_to_read()
found = [count()]
convolved().asnumpy()  # in the order of oneDNN's convolutions until it is read
found.append(count())
threads.end_own_team()
found.append(count())
same = float(convolved().asnumpy().sum()) == float(convolved().sum().asscalar())
print(json.dumps([found, same]))
"""


def test_the_team_of_the_calling_thread_ends_and_can_come_back():
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _OWN_TEAM],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    (before, with_team, after), same = json.loads(ended.stdout.splitlines()[-1])
    assert with_team == before + 1
    assert after == before
    assert same


def test_another_openmp_is_left_alone(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(threads.ctypes, "CDLL", missing)
    threads.end_own_team()
    monkeypatch.setattr(threads.ctypes, "CDLL", lambda name: object())
    threads.end_own_team()


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("5,2", 5)])
def test_compute_threads_follow_the_environment(value, expected):
    assert threads.compute_threads({"OMP_NUM_THREADS": value}) == expected


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_compute_threads_without_a_wish_are_half_of_the_processors(value, monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 3, 5, 7})
    assert threads.compute_threads({"OMP_NUM_THREADS": value}) == 2


@pytest.mark.parametrize(("processors", "count"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_threads_are_half_of_the_processors_and_one_at_least(
    processors: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(processors)))
    assert threads.compute_threads() == count


def test_the_environment_may_ask_for_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)))
    assert threads.compute_threads() == 1


def test_only_this_process_is_asked_for_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    asked = {0: {1, 2, 3, 4}}
    monkeypatch.setattr(os, "sched_getaffinity", asked.__getitem__)
    assert threads.compute_threads() == 2


def test_a_number_that_a_user_asked_for_comes_before_the_environment(monkeypatch):
    environment = {"OMP_NUM_THREADS": "2"}
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    threads.use_whole_cpu(environment, threads=5)
    assert environment["OMP_NUM_THREADS"] == "5"


def test_threads_are_set_before_mxnet_is_loaded_and_not_after(monkeypatch):
    environment = {"OMP_NUM_THREADS": "2"}
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    threads.use_compute_threads(0, environment)
    assert environment["OMP_NUM_THREADS"] == "2"
    threads.use_compute_threads(3, environment)
    assert environment["OMP_NUM_THREADS"] == "3"
    monkeypatch.setitem(sys.modules, "mxnet", None)
    threads.use_compute_threads(3, environment)
    message = "computes with 3 threads since it was loaded; it cannot change to 1: start with OMP_"
    with pytest.raises(OptionError, match=message):
        threads.use_compute_threads(1, environment)


def test_other_runtimes_take_the_threads_asked_for_or_those_of_the_machine(monkeypatch):
    monkeypatch.setattr(threads, "physical_cores", lambda: 6)
    assert threads.inference_threads(4, {"OMP_NUM_THREADS": "2"}) == 4
    assert threads.inference_threads(0, {"OMP_NUM_THREADS": "2"}) == 2
    assert threads.inference_threads(0, {}) == 6


@pytest.mark.parametrize(
    ("environment", "follows"),
    [
        ({}, True),
        ({"OMP_NUM_THREADS": "2"}, False),
        ({"OMP_NUM_THREADS": "2", "GLUON_SSD_CORES": "free"}, True),
        ({"GLUON_SSD_CORES": "all"}, False),
    ],
    ids=["nothing is set", "a number", "a number that a program here has set", "all cores"],
)
def test_threads_that_a_user_has_set_do_not_follow_the_load(environment, follows):
    assert threads.follows_load(environment) is follows


def test_a_program_that_compares_speeds_uses_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    environment: dict[str, str] = {}
    threads.use_whole_cpu(environment, cores="all")
    assert not threads.follows_load(environment)
    monkeypatch.setattr(threads, "physical_cores", lambda: 2)
    wished = {"GLUON_SSD_CORES": "all"}
    threads.use_whole_cpu(wished)
    assert wished == {"GLUON_SSD_CORES": "all", "OMP_NUM_THREADS": "2"}


def test_a_number_that_is_asked_for_stays_even_where_it_is_the_usual_one() -> None:
    environment = {"OMP_NUM_THREADS": "2", "GLUON_SSD_CORES": "free"}
    threads.use_compute_threads(0, environment)
    assert threads.follows_load(environment)
    threads.use_compute_threads(2, environment)
    assert not threads.follows_load(environment)


@pytest.mark.parametrize(("count", "streams"), [(0, 1), (1, 1), (2, 2), (8, 8), (64, 8)])
def test_streams_are_one_for_each_thread_within_reason(count: int, streams: int) -> None:
    assert threads.throughput_streams(count) == streams
