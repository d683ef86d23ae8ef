"""When commands are killed."""

from __future__ import annotations

import signal
import sys

import psutil
import pytest

from scripts.reliability import children
from scripts.reliability.moments import Moment, halves, left_in, temporaries, wait_for

WRITE = """
import os, sys, time
for number in (1, 2, 3):
    half = os.path.join(sys.argv[1], f".{number}.part")
    open(half, "w").close()
    time.sleep(0.3)
    os.replace(half, os.path.join(sys.argv[1], str(number)))
time.sleep(20)
"""


def start(folder, moment=None):
    environment = moment.environment(folder) if moment else {}
    command = [sys.executable, "-c", WRITE, str(folder)]
    return children.start(command, folder.parent / "said.txt", environment)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "folder"
    place.mkdir()
    return place


def test_a_process_is_met_while_it_writes_the_chosen_file(folder):
    process = start(folder)
    assert wait_for(Moment(0, pattern=".2.*"), process, folder, 20)
    children.kill(children.family(process))
    assert children.finish(process, [], 5) == 0
    assert process.returncode == -signal.SIGKILL
    assert halves(folder, set()) == [".2.part"] and (folder / "1").exists()
    assert halves(folder, {".2.part"}) == []


@pytest.mark.parametrize("step", [1, 3])
def test_a_process_kills_itself_before_a_step_of_its_writing(folder, step):
    moment = Moment(0, step=step)
    process = start(folder, moment)
    assert not wait_for(moment, process, folder, 20)
    assert process.wait(10) == -signal.SIGKILL
    assert temporaries(folder) == {f".{step}.part"}
    assert not (folder / str(step)).exists()


def test_a_moment_that_does_not_come_ends_after_the_longest_time(folder):
    process = start(folder)
    assert wait_for(Moment(0, pattern="never"), process, folder, 0.2)
    children.kill([psutil.Process(process.pid)])
    assert children.finish(process, [], 5) == 0


def test_an_ended_process_is_not_there_to_be_killed(folder):
    process = children.start([sys.executable, "-c", ""], folder.parent / "said.txt", {})
    assert not wait_for(Moment(30.0), process, folder, 60)
    assert process.returncode == 0
    assert children.family(process) == []


def test_what_outlives_a_killed_process_is_counted_and_killed(folder):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; "
    code += "time.sleep(60)'])"
    process = children.start([sys.executable, "-c", code], folder.parent / "said.txt", {})
    while len(family := children.family(process)) < 2:
        assert process.poll() is None
    children.kill(family[:1])
    assert children.finish(process, family, 0.2) == 1
    assert not family[1].is_running()


def test_what_libraries_keep_in_tmpdir_is_not_left_by_the_product(tmp_path):
    (tmp_path / ".ses").write_text("1795895616244\n")
    (tmp_path / "gqal4wgn").write_text("blat")
    (tmp_path / "gluon-ssd-12-a").mkdir()
    (tmp_path / "images.bin").write_bytes(b"12345")
    assert left_in(tmp_path) == ["gluon-ssd-12-a", "images.bin"]


def test_a_lock_is_nothing_half_written(tmp_path):
    for name in (".m.lock", ".m.gluon-ssd-1-x", "m-symbol.json"):
        (tmp_path / name).touch()
    assert temporaries(tmp_path) == {".m.gluon-ssd-1-x"}
