from __future__ import annotations

import logging
import os
import re

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import atomic_path
from gluon_ssd.training.run_files import RunFiles, add_best, logging_to, read_best, recording

logger = logging.getLogger("gluon_ssd.somewhere")


def test_folder_of_the_prefix_is_made_and_names_are_the_legacy_ones(tmp_path):
    files = RunFiles(tmp_path / "a" / "ssd")
    assert (tmp_path / "a").is_dir()
    names = [files.log.name, files.best_weights.name, files.best_log.name]
    assert names == ["ssd_train.log", "ssd_best.params", "ssd_best_map.log"]
    assert files.periodic_weights(7, 0.78349).name == "ssd_0007_0.7835.params"
    assert [p.name for p in files.unscored_weights(7)] == ["ssd_0007.params", "ssd_0007.json"]
    assert files.periodic_weights(110, 25.1).name == "ssd_0110_25.1000.params"


def test_sweep_removes_what_a_killed_run_left_half_written(tmp_path):
    files = RunFiles(tmp_path / "ssd")
    kept = {".other_checkpoint.99999999.part.npz", "ssd_best.params", "ssd_part.txt"}
    kept |= {f".ssd_longer_checkpoint.{os.getppid()}.part.npz"}  # of another run, which lives
    gone = {f".ssd_{name}" for name in ("checkpoint.99999999.part.npz", "best.99999999.part.json")}
    gone |= {f".ssd_0010_0.5000.{9**30}.part.params"}
    for name in kept | gone:
        (tmp_path / name).touch()
    files.remove_leftovers()
    assert set(os.listdir(tmp_path)) == kept


def test_sweep_leaves_what_another_machine_or_container_may_be_writing(tmp_path):
    with atomic_path(tmp_path / "ssd_best.params") as temporary:
        temporary.touch()
    dead = temporary.name.replace(f".{os.getpid()}.", ".99999999.")
    place = re.search(r"\.at([0-9a-f]{8})\.", dead)[1]
    other = dead.replace(place, f"{int(place, 16) ^ 1:08x}")
    old = other.replace("best", "checkpoint")
    for name in (dead, other, old):
        (tmp_path / name).touch()
    os.utime(tmp_path / old, (0, 0))
    RunFiles(tmp_path / "ssd").remove_leftovers()
    assert set(os.listdir(tmp_path)) == {"ssd_best.params", other}


def test_log_is_appended_as_bare_text_and_only_within_the_block(tmp_path):
    path = tmp_path / "t.log"
    path.write_text("earlier\n")
    with logging_to(path):
        logger.info("[Epoch %d]", 3)
    logger.info("outside")
    assert path.read_text() == "earlier\n[Epoch 3]\n"


def test_messages_recorded_before_the_log_was_there_come_first(tmp_path):
    path = tmp_path / "t.log"
    with recording() as begun:
        logger.info("options")
    assert not path.exists()
    with logging_to(path, first=begun):
        logger.info("line")
    assert path.read_text() == "options\nline\n"


def test_full_disk_ends_the_run_with_one_line(tmp_path):
    os.symlink("/dev/full", tmp_path / "t.log")
    expected = r"cannot write .*t.log: the disk is full"
    with pytest.raises(EnvironmentProblem, match=expected), logging_to(tmp_path / "t.log"):
        logger.info("line")
    logger.info("the handler is gone")


def test_best_log_has_the_legacy_form(tmp_path):
    path = tmp_path / "best_map.log"
    assert read_best(path) == []
    add_best(path, 0, 0.17449)
    add_best(path, 12, 25.1)
    assert path.read_text() == "0000:\t0.1745\n0012:\t25.1000\n"
    assert read_best(path) == [(0, 0.1745), (12, 25.1)]


def test_scores_that_no_validation_reaches_are_left_out(tmp_path):
    path = tmp_path / "best_map.log"
    path.write_text("0000:\t1e308\n0001:\t0.5\n0002:\tnan\n0003:\t-inf\n0004:\t101\n0005:\t-1\n")
    assert read_best(path) == [(1, 0.5), (5, -1.0)]
