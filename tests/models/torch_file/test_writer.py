"""What is written is read back, has torch's form, and torch reads it where there is one."""

from __future__ import annotations

import os
import pickletools
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.models.torch_file.notes import STORAGES
from gluon_ssd.models.torch_file.state_dict import is_torch_file, read_state_dict
from gluon_ssd.models.torch_file.writer import write_state_dict
from gluon_ssd.models.torch_file.zip_file import ZipFile
from tests.entry_builders import ROOT
from tests.models.torch_file.builders import GOLDEN

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "count": np.array(7),
    "none": np.zeros((0, 4), np.float32),
    "flags": np.array([True, False]),
    "big_endian": np.arange(3, dtype=">i4"),
    **{t: np.array([1, 2], t) for t in STORAGES.values() if t != "bfloat16"},
}
FACTS = {
    "epoch": 3,
    "rate": 0.1,
    "none": None,
    "yes": True,
    "label_map": {0: "background", 1: "Löwe"},
    "sizes": [300, -1, 2**40, (1, False)],
}


@pytest.mark.parametrize("below", ["", "model"])
def test_arrays_come_back(below, tmp_path: Path):
    file = tmp_path / "a.pt"
    write_state_dict(file, ARRAYS, below=below, facts=FACTS if below else {})
    assert is_torch_file(file)
    found = read_state_dict(file)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        wanted = np.float32 if name == "float16" else array.dtype.newbyteorder("=")
        assert (found[name].dtype, found[name].shape) == (wanted, array.shape), name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_facts_stand_beside_the_weights(tmp_path: Path):
    write_state_dict(tmp_path / "a.pt", {"w": np.ones(2)}, below="model", facts=FACTS)
    root = ZipFile(str(tmp_path / "a.pt")).root
    assert list(root) == ["model", *FACTS]
    assert {k: v for k, v in root.items() if k != "model"} == {
        **FACTS,
        "sizes": [300, -1, 2**40, [1, False]],
    }
    with pytest.raises(TypeError, match="a set cannot stand in a torch file"):
        write_state_dict(tmp_path / "b.pt", {}, below="model", facts={"a": {1}})
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_the_file_has_the_form_of_torch(tmp_path: Path):
    write_state_dict(tmp_path / "a.pt", ARRAYS)
    content = (tmp_path / "a.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        entries = archive.infolist()
        names = [entry.filename.partition("/")[2] for entry in entries]
        assert archive.testzip() is None
        operations = list(pickletools.genops(archive.read("weights/data.pkl")))
    numbers = [f"data/{n}" for n in range(len(ARRAYS))]
    assert names == ["data.pkl", "byteorder", *numbers, "version"]
    for entry in entries:
        assert entry.compress_type == zipfile.ZIP_STORED
        # Names and padding lie between the header and the content, which begins at such a place.
        sizes = content[entry.header_offset + 26 : entry.header_offset + 30]
        begin = entry.header_offset + 30 + sum(np.frombuffer(sizes, "<u2").tolist())
        assert begin % 64 == 0
    with zipfile.ZipFile(GOLDEN / "weights.pt") as archive:
        own = {operation.name for operation, _, _ in operations}
        torch = {o.name for o, _, _ in pickletools.genops(archive.read("weights/data.pkl"))}
    assert own - torch <= {"LONG1"}


def test_the_same_weights_are_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        write_state_dict(tmp_path / name, ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_place_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        write_state_dict(tmp_path / "absent" / "a.pt", ARRAYS)


READ_BY_TORCH = """
import sys, numpy, torch
found = torch.load(sys.argv[1], weights_only=True)
weights = found["model"]
expected = numpy.load(sys.argv[2])
assert list(weights) == expected.files
for name in expected.files:
    own = torch.from_numpy(expected[name])
    assert weights[name].dtype == own.dtype and torch.equal(weights[name], own), name
print({key: value for key, value in found.items() if key != "model"})
"""


def test_torch_reads_it(tmp_path: Path):
    """Runs where scripts/torch_env.sh has made an environment, or TORCH_PYTHON names another."""
    python = Path(os.environ.get("TORCH_PYTHON") or ROOT / ".torch-env/bin/python")
    if not python.is_file():
        pytest.skip(f"no torch: {python} is missing; scripts/torch_env.sh makes it")
    arrays = {name: array for name, array in ARRAYS.items() if name != "big_endian"}
    write_state_dict(tmp_path / "a.pt", arrays, below="model", facts=FACTS)
    np.savez(tmp_path / "a.npz", **arrays)
    ended = subprocess.run(
        [python, "-c", READ_BY_TORCH, tmp_path / "a.pt", tmp_path / "a.npz"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str({**FACTS, "sizes": [300, -1, 2**40, [1, False]]})
