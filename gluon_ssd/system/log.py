"""Log lines on the terminal, written above the progress bars."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

PACKAGE_LOGGER = "gluon_ssd"


class _BesideProgressBars(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except OSError as error:
            # The terminal was closed: SIGHUP comes, or nohup wants the work to go on.
            if error.errno != errno.EIO:
                raise


@contextmanager
def console_log(level: int = logging.INFO) -> Iterator[logging.Logger]:
    """Show the package's messages as bare lines on stderr within the block."""
    logger = logging.getLogger(PACKAGE_LOGGER)
    handler = _BesideProgressBars()
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.setLevel(level)  # even where something else lowers the logger's level meanwhile
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
