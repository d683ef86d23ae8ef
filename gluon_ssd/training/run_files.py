"""The files of a run, by their legacy names, and its log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import MemoryHandler
from pathlib import Path

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import atomic_write, ensure_directory, remove_unfinished, write_problem
from gluon_ssd.system.log import PACKAGE_LOGGER, LineFormatter
from gluon_ssd.system.regular_file import read_regular


class RunFiles:
    """Names of everything a run writes.

    Args:
        prefix: start of every file name, the network name included; may contain folders.
        make_folder: make them where missing. Raises EnvironmentProblem when that fails.
    """

    def __init__(self, prefix: str | os.PathLike[str], *, make_folder: bool = True) -> None:
        self.prefix = os.fspath(prefix)
        if make_folder:
            ensure_directory(Path(self.prefix).parent)
        self.log = Path(f"{self.prefix}_train.log")
        self.best_weights = Path(f"{self.prefix}_best.params")
        self.best_log = Path(f"{self.prefix}_best_map.log")
        self.checkpoint = Path(f"{self.prefix}_checkpoint.npz")
        self.journal = Path(f"{self.prefix}_journal.jsonl")
        self.curves = Path(f"{self.prefix}_curves.png")
        self.results = Path(f"{self.prefix}_results.csv")
        self.record = Path(f"{self.prefix}_run.json")
        self.batch_picture = Path(f"{self.prefix}_batch.jpg")
        self.samples = Path(f"{self.prefix}_samples.jpg")

    def remove_leftovers(self) -> None:
        """Remove the temporary files of a run with this prefix that was killed while writing.

        Those of a process that lives stay: another run may have a longer prefix.
        """
        prefix = Path(self.prefix)
        remove_unfinished(prefix.parent, f"{prefix.name}_")

    def unscored_weights(self, epoch: int) -> tuple[Path, Path]:
        """Weights of one epoch whose validation is not done, and the record beside them."""
        return Path(f"{self.prefix}_{epoch:04d}.params"), Path(f"{self.prefix}_{epoch:04d}.json")

    def periodic_weights(self, epoch: int, shown_score: float) -> Path:
        """Weights of one epoch, named by epoch and score as the log shows it."""
        return Path(f"{self.prefix}_{epoch:04d}_{shown_score:.4f}.params")


_HIGHEST = 100.001  # COCO's scores are in hundredths


def _parse_best(line: str) -> tuple[int, float] | None:
    epoch, separator, score = line.partition(":")
    try:
        return (int(epoch), float(score)) if separator else None
    except ValueError:
        return None


def read_best(path: Path) -> list[tuple[int, float]]:
    """(epoch, score) of every improvement in a best-mAP log; empty without the file.

    Raises EnvironmentProblem when it cannot be read.
    """
    try:
        lines = read_regular(path).decode("utf-8-sig", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from error
    entries = [_parse_best(line) for line in lines]
    # With a score that no validation can reach, no later epoch would be the best.
    return [entry for entry in entries if entry is not None and -_HIGHEST <= entry[1] <= _HIGHEST]


def add_best(path: Path, epoch: int, shown_score: float) -> None:
    """Record an improvement. Entries of this epoch and later ones belong to an abandoned run."""
    entries = [entry for entry in read_best(path) if entry[0] < epoch] + [(epoch, shown_score)]
    with atomic_write(path, "w") as file:
        file.writelines(f"{number:04d}:\t{score:.4f}\n" for number, score in entries)


class _StrictFileHandler(logging.FileHandler):
    """Ends the run when the log cannot be written, instead of printing a traceback per line."""

    def emit(self, record: logging.LogRecord) -> None:
        assert self.stream is not None, "logging_to opens the file at once"
        try:
            self.stream.write(self.format(record) + self.terminator)
            self.flush()
        except OSError as error:
            raise write_problem(self.baseFilename, error) from error


@contextmanager
def _package_logging(handler: logging.Handler) -> Iterator[None]:
    logger = logging.getLogger(PACKAGE_LOGGER)
    level = logger.level
    logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def recording() -> Iterator[list[logging.LogRecord]]:
    """Collect the messages of the package within the block, for a log that is not there yet."""
    recorder = MemoryHandler(capacity=sys.maxsize, flushLevel=sys.maxsize)
    with _package_logging(recorder):
        yield recorder.buffer


@contextmanager
def logging_to(path: Path, *, first: Sequence[logging.LogRecord] = ()) -> Iterator[None]:
    """Append every message of the package to a file within the block, as bare text.

    Args:
        path: the file.
        first: records of before, written to this file alone.

    Raises:
        EnvironmentProblem: the file cannot be opened or written.
    """
    try:
        handler = _StrictFileHandler(path, encoding="utf-8")
    except OSError as error:
        raise write_problem(path, error) from error
    handler.setFormatter(LineFormatter())
    try:
        for record in first:
            handler.handle(record)
        with _package_logging(handler):
            yield
    finally:
        try:
            handler.close()
        except OSError as error:
            raise write_problem(path, error) from error
