"""Count what is wrong with a long table, without keeping every find."""

from __future__ import annotations

import logging
from collections import Counter

from gluon_ssd.data.problems import REASONS
from gluon_ssd.errors import DataError

_LOG = logging.getLogger(__name__)

_LOGGED_LINES = 20
MAX_BAD_SHARE = 0.02


class Tally:
    """Finds in one file by reason, keys of `problems.REASONS`; the first 20 are logged.

    Attributes:
        counts: finds by reason.
    """

    def __init__(self, file: str) -> None:
        self.counts: Counter[str] = Counter()
        self._file = file
        self._first = ""

    def add(self, reason: str, line: int, detail: str) -> None:
        """Count one find, on a line of the file."""
        self.counts[reason] += 1
        outcome = REASONS[reason].outcome
        self._first = self._first or f"line {line}: {reason}, {detail}"
        if self.counts.total() <= _LOGGED_LINES:
            _LOG.warning("%s line %d: %s, %s (%s)", self._file, line, reason, detail, outcome)

    def lines(self) -> list[str]:
        """One line a reason, the most frequent first."""
        return [
            f"{self._file}: {reason}: {count} ({REASONS[reason].outcome})"
            for reason, count in self.counts.most_common()
        ]

    def stop_above_share(self, num_rows: int) -> None:
        """Raise DataError if more than MAX_BAD_SHARE of the rows are bad."""
        share = self.counts.total() / max(num_rows, 1)
        if share > MAX_BAD_SHARE:
            raise DataError(
                f"{share:.1%} of the {num_rows} rows of {self._file} are bad, allowed is "
                f"{MAX_BAD_SHARE:.0%}; the first is {self._first}; remove the file and fetch it "
                "anew"
            )
