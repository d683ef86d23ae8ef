"""Files that MXNet writes: their size is known before, and a limit never cuts them in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.models.native_write import file_bytes, write_natively

ROOT = Path(__file__).resolve().parents[2]
ARRAYS = {
    "a": np.ones((25, 10), np.float32),
    "deep.é": np.ones(3, np.int8),
    "c": np.ones((2, 3, 4, 5), np.float16),
}


def test_the_size_of_a_file_is_known_before(tmp_path):
    own = {name: mx.nd.array(array, dtype=array.dtype) for name, array in ARRAYS.items()}
    write_natively(tmp_path / "w.params", file_bytes(own), lambda name: mx.nd.save(name, own))
    assert (tmp_path / "w.params").stat().st_size == file_bytes(own)


def test_a_file_that_is_cut_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No space left"):
        write_natively(tmp_path / "w", 10, lambda name: Path(name).write_bytes(b"short") and None)


@pytest.mark.parametrize("short", [1, 30, 1000])
def test_a_limit_on_file_sizes_is_told_as_such(tmp_path, short):
    code = (
        "import resource, sys, numpy as np\n"
        "from gluon_ssd.compat import mx\n"
        "from gluon_ssd.models.native_write import file_bytes, write_natively\n"
        "arrays = {'a': mx.nd.zeros((25, 10))}\n"
        "size = file_bytes(arrays)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (size - {short}, size - {short}))\n"
        "write_natively(sys.argv[1], size, lambda name: mx.nd.save(name, arrays))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "w.params")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1 and os.strerror(27) in ended.stderr
