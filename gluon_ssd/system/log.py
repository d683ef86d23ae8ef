"""Log lines on the terminal, written above the progress bars."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from gluon_ssd.errors import one_line

PACKAGE_LOGGER = "gluon_ssd"


class LineFormatter(logging.Formatter):
    """The bare message in one line, whatever names of files stand in it.

    Messages that are written with line breaks keep theirs.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message; called by `format`."""
        return record.message if "\n" in str(record.msg) else one_line(record.message)


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
    handler.setFormatter(LineFormatter())
    handler.setLevel(level)  # even where something else lowers the logger's level meanwhile
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
