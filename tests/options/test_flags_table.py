"""The tables of docs/flags.md."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.options.declare import legacy, option
from gluon_ssd.options.flags_table import flags_table


@dataclass(frozen=True)
class Engine:
    """engine"""

    power: int = option(10, "power in watts")
    fuel: str = legacy("coal", "what | burns", choices=("coal", "wood"), spellings=("--fuel", "-f"))
    turbo: bool = option(False, "faster")
    load: float | None = option(None, "share", unset="all")
    name: str = option("", "of it")


def test_every_flag_has_a_row_with_default_and_meaning() -> None:
    assert flags_table(Engine).splitlines()[2:] == [
        "| `--power` ✚ | `10` | power in watts |",
        "| `--fuel`, `-f` | `coal` | what \\| burns: `coal`, `wood` |",
        "| `--turbo` ✚ | off | faster |",
        "| `--load` ✚ | all | share |",
        "| `--name` ✚ | empty | of it |",
    ]
