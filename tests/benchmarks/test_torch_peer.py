from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gluon_ssd.benchmarks.torch_peer import TorchPeer, torch_command
from gluon_ssd.errors import EnvironmentProblem

FAKE = (sys.executable, str(Path(__file__).with_name("fake_torch_peer.py")), "none", "5")


def test_a_peer_answers_in_turn_and_ends_with_the_last_request():
    with TorchPeer(FAKE, threads=3) as peer:
        process = peer._child.process
        found = peer.ask("environment", names=["OMP_NUM_THREADS"])
        assert found == {"got": {"OMP_NUM_THREADS": "3"}}
        assert peer.ask("time", calls=2) == {"seconds": [0.005, 0.005], "format": "any"}
    assert process.returncode == 0


def test_a_peer_that_fails_is_one_line_with_its_own_last_one():
    with TorchPeer(FAKE, threads=1) as peer, pytest.raises(EnvironmentProblem) as caught:
        peer.ask("fail")
    assert str(caught.value) == (
        "the PyTorch process did not answer to 'fail': RuntimeError: no such network"
    )


def test_an_answer_that_is_no_dictionary_is_refused():
    with TorchPeer(FAKE, threads=1) as peer, pytest.raises(EnvironmentProblem, match="'no dict"):
        peer.ask("word")


def test_an_error_here_ends_the_peer_at_once():
    with pytest.raises(KeyError), TorchPeer(FAKE, threads=1) as peer:
        process = peer._child.process
        raise KeyError
    assert process.returncode is not None


def test_what_is_set_for_mxnet_is_not_for_the_peer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "10000")
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX512_CORE_AMX")
    command = torch_command(sys.executable)
    assert command[-4:] == [
        os.path.abspath(sys.executable),
        "-m",
        "scripts.torch_reference",
        "serve",
    ]
    start = command[: command.index(os.path.abspath(sys.executable))]
    with TorchPeer((*start, *FAKE), threads=1) as peer:
        names = ["GOMP_SPINCOUNT", "MXNET_CPU_PARALLEL_SIZE", "DNNL_MAX_CPU_ISA"]
        assert peer.ask("environment", names=names)["got"] == dict.fromkeys(names)


def test_a_python_that_is_not_there_names_the_script_that_makes_one(tmp_path: Path):
    with pytest.raises(EnvironmentProblem, match="bash scripts/torch_env.sh") as caught:
        torch_command(str(tmp_path / "python"))
    assert caught.value.settings == ("python",)


def test_a_python_without_pytorch_is_one_line():
    command = [sys.executable, "-S", "-m", "scripts.torch_reference", "serve"]
    with TorchPeer(command, threads=1) as peer:
        with pytest.raises(EnvironmentProblem, match="ModuleNotFoundError: No module named"):
            peer.ask("load")
