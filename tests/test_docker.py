"""The two Dockerfiles: system libraries, scripts/setup.sh, and nothing else."""

from __future__ import annotations

import re
import shlex

import pytest

from gluon_ssd.doctor.installation import SYSTEM_LIBRARIES
from tests.conftest import ROOT

FILES = {
    "Dockerfile": "bash scripts/setup.sh $SETUP",
    "Dockerfile.gpu": "bash scripts/setup.sh --gpu $SETUP",
}


def instructions(name: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with what they are given, without comments."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (x.partition(" ") for x in lines)]


@pytest.mark.parametrize(("name", "setup"), FILES.items())
def test_only_system_libraries_and_the_set_up_are_run(name: str, setup: str):
    system, own = (given for word, given in instructions(name) if word == "RUN")
    assert own == f"PIP_NO_CACHE_DIR=1 {setup}"
    steps = [shlex.split(step) for step in system.split("&&")]
    assert [" ".join(step[:2]) for step in steps] == ["apt-get update", "apt-get install", "rm -rf"]
    assert set(SYSTEM_LIBRARIES.values()) | {"python3.11-venv"} == set(steps[1][4:])


def test_both_are_the_same_but_for_the_gpu():
    cpu, gpu = (instructions(name) for name in FILES)
    lent = ("ENV", "NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility")
    assert [
        (word, given.replace("--gpu ", "")) for word, given in gpu if (word, given) != lent
    ] == cpu
    assert lent in gpu


def test_what_is_made_here_stays_out_of_an_image():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {".git", ".venv"} <= set(ignored)
