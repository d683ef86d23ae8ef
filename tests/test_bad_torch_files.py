"""Files of torch that are damaged, or made to harm: one line, exit code 2, wherever weights go."""

from __future__ import annotations

import os
import pickle
import zipfile

import numpy as np
import pytest

from gluon_ssd.models.torch_file.writer import write_state_dict
from tests.entry_builders import evaluate, export, one_error, run_script, train
from tests.models.torch_file.builders import GOLDEN, START, named, pickle_of, tensor, torch_zip

CONTENT = named(w=tensor())


class Attack:
    """Unpickled, it makes the file `ran`."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def write_bad(kind, path):
    """A bad file of a kind, and what is said of it."""
    whole = (GOLDEN / "checkpoint.pt").read_bytes()
    if kind == "code":
        torch_zip(path, pickle.dumps({"model": Attack()}, 2))
        return "is refused: it asks for posix.system, which no weights need and which could run"
    if kind == "legacy_code":
        path.write_bytes(START + pickle.dumps([{"a": [Attack()]}], 2))
        return "is refused: it asks for posix.system, which"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Attack(), 4))
        return "is a pickle, which is not read, since reading one can run code; give a .params"
    if kind == "cut":
        path.write_bytes(whole[:-700])
        return "is damaged or cut off: "
    if kind == "legacy_cut":
        path.write_bytes((GOLDEN / "checkpoint_legacy.pt").read_bytes()[:-50])
        return "is damaged or cut off: a storage of "
    if kind == "flipped":
        place = whole.index(b"data.pkl") + 100
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        return "is damaged or cut off: "
    if kind == "bomb":
        content = named(w=tensor((1 << 22,), (1,)))
        entries = {"data/0": bytes(1 << 24)}
        torch_zip(path, content, entries, compression=zipfile.ZIP_DEFLATED)
        return "is refused: its entry 'x/data.pkl' is compressed, which torch.save does not do"
    if kind == "way_out":
        torch_zip(path, CONTENT, {"data/0": bytes(24), "../../ran": b""})
        return "is refused: it has an entry '../../ran', which leads out of the archive"
    if kind == "beyond":
        torch_zip(path, named(w=tensor((2, 30))))
        return "a tensor of shape (2, 30) reaches beyond its storage of 6 elements"
    assert kind == "no_weights"
    torch_zip(path, pickle_of(b"}"))
    return "holds no weights by name: it holds a dictionary with nothing known; give a file"


KINDS = [
    *("code", "legacy_code", "pickle", "cut", "legacy_cut", "flipped", "bomb", "way_out"),
    *("beyond", "no_weights"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_conversion(kind, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    bad = tmp_path / "bad.pt"
    said = write_bad(kind, bad)
    argv = ("--input", bad, "--output", tmp_path / "here" / "new.params")
    message = one_error(run_script("scripts/convert_weights.py", *argv))
    assert message.startswith(f"error: {bad} ") and said in message and message.isprintable()
    assert not list((tmp_path / "here").iterdir()) and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["code", "legacy_code", "cut", "legacy_cut"])
@pytest.mark.parametrize("script", ["eval", "resume", "base", "export"])
def test_other_scripts(script, kind, data, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "bad.pth"
    said = write_bad(kind, bad)
    ended = {
        "eval": lambda: evaluate(data, bad),
        "resume": lambda: train(out, data, "--resume", bad),
        "base": lambda: train(out, data, "--pretrained-base", bad),
        "export": lambda: export(bad, out / "model"),
    }[script]()
    message = one_error(ended)
    assert message.startswith(f"error: {bad} ") and said in message
    assert not list(out.iterdir()) and not (tmp_path / "ran").exists()


def test_weights_of_another_network(data, out, tmp_path):
    other, names = tmp_path / "other.pt", tmp_path / "names.txt"
    write_state_dict(other, {"conf.0.weight": np.zeros((12, 3, 3, 3), np.float32)}, below="model")
    names.write_text("cat\ndog\n")
    for ended in (evaluate(data, other, "--classes", names), train(out, data, "--resume", other)):
        message = one_error(ended)
        assert message.startswith(f"error: {other} does not fit ssd_300_mobilenet0.25_custom: ")
        assert "1 too many (conf.0.weight (12, 3, 3, 3))" in message
