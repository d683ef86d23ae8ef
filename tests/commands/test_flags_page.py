from __future__ import annotations

from gluon_ssd.commands.flags_page import COMMANDS, flags_page


def test_every_script_has_its_table():
    page = flags_page()
    assert all(page.count(f"\n## {script}\n") == 1 for script in COMMANDS)
    assert page.count("| flag | default | meaning |") == len(COMMANDS)
    assert "| `--num-workers`, `-j` | `4` | processes that load images" in page
    assert "| `--lr-decay-epoch` | `160,200` | epochs at which it decays |" in page
    assert "| `--auto_tuning` | off | " in page


def test_flags_of_gluoncv_are_not_marked_as_new():
    table = flags_page().split("## train_ssd.py\n")[1].split("\n## ")[0]
    assert "| `--network` |" in table and "| `--resume` |" in table
    assert "| `--layout` ✚ |" in table
