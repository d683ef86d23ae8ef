from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from gluon_ssd.detection.machine_code import compile_loop
from tests.layout_rules import ROOT


def _ratio_of_sums(values, divisor):
    total = np.float32(0)
    for value in values:
        total += value
    return total / divisor


def test_a_loop_runs_with_the_types_it_was_compiled_for():
    loop = compile_loop("float32(float32[::1], float32)", _ratio_of_sums)
    assert loop(np.ones(6, np.float32), 4) == 1.5
    assert np.isinf(loop(np.ones(6, np.float32), 0))


def test_a_loop_that_may_reorder_sums_gives_the_same_up_to_rounding():
    values = np.random.default_rng(0).random(1000, np.float32)
    loop = compile_loop("float32(float32[::1], float32)", _ratio_of_sums, reorders=True)
    np.testing.assert_allclose(loop(values, 2), values.sum() / 2, rtol=1e-5)


_PROGRAM = """
import logging, sys
logging.basicConfig(format="%(levelname)s %(message)s")
import numpy as np
from gluon_ssd.detection.machine_code import compile_loop
from tests.detection.test_machine_code import _ratio_of_sums
for _ in range(2):
    loop = compile_loop("float32(float32[::1], float32)", _ratio_of_sums)
    print(loop(np.ones(6, np.float32), 4))
"""


def in_new_process(folder, limit=None):
    """The lines on stderr of a process that compiles a loop, and keeps it in that folder."""

    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert (ended.returncode, ended.stdout) == (0, "1.5\n1.5\n"), ended.stderr
    return ended.stderr.splitlines()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A sound cache."""
    folder = tmp_path_factory.mktemp("kept")
    assert in_new_process(folder) == []
    assert len(list(folder.rglob("*.nb[ic]"))) == 2
    return folder


def test_what_was_kept_is_used(kept):
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*.nb[ic]")}
    assert in_new_process(kept) == []
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.nb[ic]")} == before


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda data: data[: len(data) // 2], lambda _: bytes(range(256))],
    ids=["empty", "cut", "other"],
)
def test_a_damaged_cache_is_done_without_and_told_once(kept, tmp_path, ending, damage):
    shutil.copytree(kept, tmp_path / "cache")
    (path,) = (tmp_path / "cache").rglob(f"*.{ending}")
    stamp = path.stat()
    path.write_bytes(damage(path.read_bytes()))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (line,) = in_new_process(tmp_path / "cache")
    assert line.startswith(f"WARNING the kept machine code in {tmp_path}/cache cannot be used (")


@pytest.mark.parametrize("kind", ["a folder in place of a file", "a limit"])
def test_a_place_that_takes_no_file_is_done_without_and_told_once(kept, tmp_path, kind):
    if kind == "a folder in place of a file":
        shutil.copytree(kept, tmp_path / "cache")
        for path in (tmp_path / "cache").rglob("*.nb[ic]"):
            path.unlink()
            path.mkdir()
    (line,) = in_new_process(tmp_path / "cache", 100 if kind == "a limit" else None)
    assert line.startswith(f"WARNING the kept machine code in {tmp_path}/cache cannot be used (")


@pytest.mark.parametrize("kind", ["a file", "nowhere"])
def test_a_folder_that_cannot_be_used_at_all_is_passed_over(tmp_path, kind):
    (tmp_path / "file").touch()
    # Numba keeps it beside the source then.
    assert in_new_process(tmp_path / "file" if kind == "a file" else "/proc/nowhere") == []


def test_a_loop_that_cannot_be_compiled_is_an_error_all_the_same():
    from numba.core.errors import NumbaError

    def no_numbers(values, divisor):
        return values.nothing_like_that

    with pytest.raises(NumbaError):
        compile_loop("float32(float32[::1], float32)", no_numbers)
