"""Options of scripts/compare_runs.py."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option


@dataclass(frozen=True)
class CompareRunsCommand:
    """Options of scripts/compare_runs.py."""

    runs: str = option(
        "",
        "two runs or more: run.json files, what stands before _run.json in their names, or folders "
        "that hold such files",
        is_word=True,
        several=True,
    )
    output: str = option("runs.png", "picture of the curves over each other, a .png file")

    def __post_init__(self) -> None:
        if not self.output.lower().endswith(".png"):
            raise OptionError(f"--output must be a .png file; got {self.output}")

    @property
    def places(self) -> tuple[str, ...]:
        """The runs as they were given, one by one."""
        return tuple(place for place in self.runs.split(",") if place)
