"""The examples of docs/api.md run, one after the other, as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.data.builders import write_video
from tests.entry_builders import ROOT, found_set, photos
from tests.hosts import serving

TEXT = (ROOT / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python([^\n]*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ADDRESS = "https://example.org"


@pytest.fixture
def folder(prefix, weights, tmp_path, monkeypatch):
    """Everything that the examples name, and nothing more."""
    for name in ("model", "old"):
        (tmp_path / name).mkdir()
        for end in ("-symbol.json", "-0000.params"):
            shutil.copy(f"{prefix}{end}", tmp_path / name / f"ssd{end}")
    first, *_ = photos(tmp_path / "photos", 3)
    shutil.copy(first, tmp_path / "street.jpg")
    write_video(tmp_path / "film.avi", 5, (240, 320))
    found_set(tmp_path / "data", weights)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(examples: list[str], folder: Path) -> dict:
    """What the examples have defined in the end."""
    names: dict = {"__name__": "example"}
    with serving() as host:
        host.files["/street.jpg"] = (folder / "street.jpg").read_bytes()
        for number, example in enumerate(examples):
            code = compile(example.replace(ADDRESS, host.url), f"example {number}", "exec")
            exec(code, names)
    return names


def test_every_example_has_a_mark_that_is_known():
    assert {mark.strip() for mark, _ in EXAMPLES} == {"", "onnx", "supervision"}
    assert len(EXAMPLES) == TEXT.count("```python") > 10


def test_examples_without_extras(folder, capsys):
    names = run([text for mark, text in EXAMPLES if not mark.strip()], folder)
    assert [len(result) > 0 for result in names["results"]] == [True]
    assert names["bad"][0][0] == "missing.jpg"
    assert (folder / "drawn.jpg").stat().st_size > 1000
    assert 0.5 < names["outcome"].score < 1
    assert names["best"].dtype == np.uint8
    printed = capsys.readouterr().out
    assert "pictures a second in float32" in printed
    assert 'add color="rgb"' in printed


@pytest.mark.onnx
@pytest.mark.supervision
def test_examples_with_extras(folder, capsys):
    from gluon_ssd import load

    load(folder / "model/ssd").export(folder / "model/ssd.onnx")
    names = run([text for _, text in EXAMPLES], folder)
    assert names["several"].classes == ("cat", "dog")
    assert len(names["tracked"]) > 0
    assert "the same" in capsys.readouterr().out
