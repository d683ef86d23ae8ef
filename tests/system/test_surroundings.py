"""What a result was computed with."""

from __future__ import annotations

import subprocess

from gluon_ssd.system.surroundings import commit_of, gpu_names, machine_facts, versions_of


def test_the_commit_is_that_of_the_checkout_with_its_changes(tmp_path):
    assert commit_of(tmp_path) is None

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        command = ("git", "-C", str(tmp_path), *identity, *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    assert commit_of(tmp_path) is None  # nothing is committed yet
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "--message", "first")
    (tmp_path / "untracked").write_text("1")
    expected = {"commit": git("rev-parse", "HEAD").strip(), "changed": False}
    assert commit_of(tmp_path) == expected and len(expected["commit"]) == 40
    (tmp_path / "file").write_text("2")
    assert commit_of(tmp_path) == {**expected, "changed": True}


def test_only_what_is_installed_has_a_version():
    found = versions_of(("numpy", "no-such-package"))
    assert found.keys() == {"python", "numpy"} and found["numpy"][0].isdigit()


def test_gpus_are_those_of_the_driver(tmp_path):
    assert gpu_names(tmp_path / "none") == []
    for number, text in ((0, "Model: \t NVIDIA A\nIRQ: 1\n"), (1, "IRQ: 2\n")):
        (tmp_path / f"0000:0{number}").mkdir()
        (tmp_path / f"0000:0{number}/information").write_text(text)
    assert gpu_names(tmp_path) == ["NVIDIA A", "unknown"]


def test_facts_of_the_machine_are_numbers_and_names():
    facts = machine_facts({"OMP_NUM_THREADS": "3"})
    assert facts["compute_threads"] == 3 and facts["processors"] >= facts["cores"] >= 1
    assert facts["cpu"] and facts["system"]
