from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from gluon_ssd.training.checkpoint import save_checkpoint
from gluon_ssd.training.saved_network import MOST_FACTS, SavedNetwork, saved_network
from tests.entry_builders import ROOT

FACTS = {"network": {"name": "ssd_160_tiny_custom", "data_shape": 160, "classes": ["a"]}}
NAME = FACTS["network"]["name"]


def member(text):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.frombuffer(text, np.uint8))
    return file.getvalue()


def archive(path, content, method=zipfile.ZIP_STORED, name="facts.npy"):
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(name, content)
    return path


def test_what_a_checkpoint_is_of(tmp_path):
    save_checkpoint(tmp_path / "c.npz", {"weights/a": np.zeros((500, 500), np.float32)}, FACTS)
    assert saved_network(tmp_path / "c.npz") == SavedNetwork(NAME, 160)


@pytest.mark.parametrize("side", [None, "160", True, 7, 8193, 160.0, 10**30, -1])
def test_a_side_that_no_network_has_is_not_said(tmp_path, side):
    save_checkpoint(tmp_path / "c.npz", {}, {"network": {"name": NAME, "data_shape": side}})
    assert saved_network(tmp_path / "c.npz") == SavedNetwork(NAME, None)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"network": []}',
        b'{"network": {}}',
        b'{"network": {"name": 5}}',
        b'{"network": {"name": "\\ud800"}}',
        b'{"network": {"name": "a", "data_shape": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b" " * (MOST_FACTS + 70_000),
    ],
    ids=range(12),
)
def test_other_facts_say_nothing(tmp_path, text):
    assert saved_network(archive(tmp_path / "c.npz", member(text))) is None


def test_what_is_no_checkpoint_says_nothing_at_once(tmp_path):
    sound = member(b'{"network": {"name": "a"}}')
    assert saved_network(archive(tmp_path / "sound.npz", sound)) == SavedNetwork("a", None)
    cut = tmp_path / "cut.npz"
    cut.write_bytes((tmp_path / "sound.npz").read_bytes()[:-9])
    changed = tmp_path / "changed.npz"
    changed.write_bytes((tmp_path / "sound.npz").read_bytes().replace(b"network", b"Network"))
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "own.params").write_bytes(bytes(64))
    for path in (
        cut,
        changed,
        archive(tmp_path / "deflated.npz", sound, zipfile.ZIP_DEFLATED),
        archive(tmp_path / "other.npz", sound, name="other.npy"),
        archive(tmp_path / "short.npz", b"\x93NUMPY\x01\x00"),
        archive(tmp_path / "later.npz", b"\x93NUMPY\x02\x00" + sound[8:]),
        tmp_path / "pipe.npz",
        tmp_path / "own.params",
        tmp_path / "missing.npz",
        tmp_path,
    ):
        assert saved_network(path) is None, path


def test_it_needs_no_package(tmp_path):
    save_checkpoint(tmp_path / "c.npz", {}, FACTS)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from gluon_ssd.training.saved_network import saved_network as of; print(of(sys.argv[2]))"
    )
    argv = [sys.executable, "-S", "-c", code, str(ROOT), str(tmp_path / "c.npz")]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == f"SavedNetwork(name='{NAME}', side=160)\n"
