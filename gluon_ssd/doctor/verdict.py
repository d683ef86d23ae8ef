"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, FAIL = "ok", "note", "FAIL"


@dataclass(frozen=True)
class Verdict:
    """One line of the report: "ok", "note" (works, but worth knowing) or "FAIL"."""

    level: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.level:4}  {self.subject}: {self.text}"
