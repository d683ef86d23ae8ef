from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.doctor import machine
from gluon_ssd.doctor.verdict import FAIL, NOTE, OK

MIB = 1 << 20


@pytest.mark.parametrize(
    ("flags", "levels"),
    [
        ({"avx2", "avx512_vnni", "avx512_bf16"}, [OK, OK, OK]),
        ({"avx2", "avx_vnni"}, [OK, NOTE, OK]),
        ({"avx2", "avx_vnni", "amx_tile", "amx_bf16"}, [OK, OK, OK]),
        ({"avx2", "avx512_vnni", "amx_tile", "amx_int8"}, [OK, NOTE, OK]),
        ({"avx2"}, [NOTE, NOTE, OK]),
    ],
)
def test_cpu_abilities(flags: set[str], levels: list[str]):
    assert [verdict.level for verdict in machine.check_cpu(flags)] == levels


def test_a_cpu_without_avx2_is_told_so():
    assert machine.check_cpu(set())[0].text == "absent; everything runs, several times slower"


@pytest.mark.parametrize(("free_mib", "level"), [(None, NOTE), (64, NOTE), (8192, OK)])
def test_shared_memory(free_mib: int | None, level: str):
    verdict = machine.check_shared_memory(None if free_mib is None else free_mib * MIB)
    assert verdict.level == level
    assert ("--shm-size" in verdict.text) == (level != OK)


@pytest.mark.parametrize(("free_mib", "level"), [(100, FAIL), (2000, NOTE), (8192, OK)])
def test_disk_and_memory(tmp_path: Path, free_mib: int, level: str):
    assert machine.check_disk(free_mib * MIB, tmp_path).level == level
    assert machine.check_memory(free_mib * MIB).level == level


@pytest.mark.parametrize(
    ("check", "fail_mib", "note_mib"),
    [
        (lambda free: machine.check_disk(free, Path("here")), 500, 5120),
        (machine.check_memory, 1024, 4096),
        (machine.check_shared_memory, 0, 1024),
    ],
)
def test_the_bounds_themselves_are_enough(check, fail_mib: int, note_mib: int):
    assert check(note_mib * MIB).level == OK
    assert check(note_mib * MIB - 1).level == NOTE
    assert check(fail_mib * MIB).level == NOTE
    if fail_mib:
        assert check(fail_mib * MIB - 1).level == FAIL


@pytest.mark.parametrize(
    ("free", "text"),
    [(5 * MIB - 1, "4 MiB"), (1024 * MIB - 1, "1023 MiB"), (1536 * MIB, "1.5 GiB")],
)
def test_amounts_are_in_the_larger_unit_that_fits(free: int, text: str):
    assert machine.check_memory(free).text.startswith(f"{text} available")


def test_what_this_process_may_use_is_positive():
    assert 0 < machine.usable_cores() <= 4096


def test_the_machine_is_told_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "cpu_flags", lambda: {"avx2"})
    monkeypatch.setattr(machine, "container_share", lambda: 0.5)
    monkeypatch.setattr(machine, "available_bytes", lambda: None)
    verdicts = machine.examine(tmp_path)
    subjects = ["CPU", "CPU int8", "CPU bf16", "CPU AMX", "cores", "memory", "/dev/shm", "disk"]
    assert [verdict.subject for verdict in verdicts] == subjects
    assert verdicts[4].text.startswith("0.5 of ")
    assert verdicts[4].text.endswith(" by quota; set OMP_NUM_THREADS=1")
    assert (verdicts[5].level, verdicts[5].text[:5]) == (FAIL, "0 MiB")
