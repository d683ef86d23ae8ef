"""What a process uses at a moment."""

from __future__ import annotations

import os

from scripts.reliability.samples import usage_of


def _descriptors() -> int:
    usage = usage_of(os.getpid())
    assert usage is not None
    return usage.descriptors


def test_files_of_installed_packages_are_no_descriptors_of_the_program(tmp_path):
    font = tmp_path / "site-packages/package/font.ttf"
    font.parent.mkdir(parents=True)
    font.write_bytes(b"x")
    before = _descriptors()
    with font.open("rb"):
        assert _descriptors() == before
        with (tmp_path / "own").open("wb"):
            assert _descriptors() == before + 1
    assert _descriptors() == before
