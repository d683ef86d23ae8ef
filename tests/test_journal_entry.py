"""Journals damaged between the commands of a user: what goes on, and what is compared."""

from __future__ import annotations

import shutil

import pytest

from gluon_ssd.training.journal import read_journal
from tests.entry_builders import (
    arrays_of,
    assert_same_arrays,
    leftovers,
    one_error,
    run_script,
    train,
    voc_set,
)
from tests.training.journal_damage import REFUSED, SILENT, TOLD

pytestmark = pytest.mark.long

NAME = "ssd_160_tiny_custom"
RUN = ("--network", "tiny", "--data-shape", 160, "--log-interval", 1, "--sample-images", 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def begun(tmp_path_factory, data):
    """A run of two epochs."""
    folder = tmp_path_factory.mktemp("begun")
    ended = train(folder, data, *RUN, "--epochs", 2)
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data, begun):
    """The arrays of that run after a third one."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(begun, folder)
    assert go_on(folder, data).code == 0
    return arrays_of(checkpoint_of(folder))


def checkpoint_of(folder):
    return folder / f"{NAME}_checkpoint.npz"


def go_on(folder, data):
    resume = ("--resume", checkpoint_of(folder))
    return train(folder, data, *RUN, "--epochs", 3, *resume)


def compare(folder, other):
    return run_script("scripts/compare_runs.py", folder, other, "--output", folder / "both.png")


@pytest.fixture
def damaged(tmp_path, begun):
    """A copy of the begun run whose journal was damaged, and the journal."""

    def make(damage):
        folder = tmp_path / "run"
        shutil.copytree(begun, folder)
        damage(folder / f"{NAME}_journal.jsonl")
        return folder, folder / f"{NAME}_journal.jsonl"

    return make


@pytest.mark.parametrize(
    ("damage", "count"),
    [(damage, count) for count, kind in enumerate((SILENT, TOLD)) for damage in kind.values()],
    ids=[*SILENT, *TOLD],
)
def test_the_run_goes_on_to_the_same_bits_with_one_warning(
    damaged, data, begun, whole, damage, count
):
    folder, journal = damaged(damage)
    compared, ended = compare(folder, begun), go_on(folder, data)
    for each in (compared, ended):
        assert each.code == 0 and "Traceback" not in each.err, each.err
        assert each.err.count("lines cannot be used and are left out") == count, each.err
    assert_same_arrays(arrays_of(checkpoint_of(folder)), whole)
    assert [event["event"] for event in read_journal(journal)][-1] == "end"
    # The lock of a run is one of its files, and empty.
    assert [name for name in leftovers(folder) if ".part" in name] == []


@pytest.mark.parametrize(("damage", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_journal_is_one_line_and_nothing_is_lost(
    damaged, data, begun, whole, damage, reason
):
    folder, journal = damaged(damage)
    before = checkpoint_of(folder).read_bytes()
    for ended in (compare(folder, begun), go_on(folder, data)):
        assert f"cannot read {journal}: {reason}" in one_error(ended)
    assert checkpoint_of(folder).read_bytes() == before
    journal.rename(folder / "elsewhere")
    assert go_on(folder, data).code == 0
    assert_same_arrays(arrays_of(checkpoint_of(folder)), whole)
