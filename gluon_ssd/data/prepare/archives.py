"""Archives of a data set: fetched, unpacked, and what is missing afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.prepare.published import Archive
from gluon_ssd.errors import DataError
from gluon_ssd.system.address import shown
from gluon_ssd.system.download import Fetcher, Wanted
from gluon_ssd.system.download_many import fetch_many
from gluon_ssd.system.files import sha1_of
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.unpack import unpack

_LOG = logging.getLogger(__name__)


class Missing(NamedTuple):
    """A file that ought to be there, and why it is not."""

    what: str
    why: str


def fetch_archives(
    archives: Iterable[Archive],
    host: str,
    folder: Path,
    *,
    place: Callable[[str], str | None],
    fetcher: Fetcher,
    parallel: int,
    keep: bool,
) -> list[Missing]:
    """Fetch archives into `folder`/archives and unpack each into `folder` as soon as it is there.

    Args:
        archives: those to fetch; one that is there already is used if its sum is right.
        host: start of their addresses.
        folder: of the data set.
        place: path below the folder of each member, None for those to leave out.
        fetcher: fetches.
        parallel: archives at a time.
        keep: leave the archives there afterwards.

    Returns:
        The archives that could not be had or used. The others are unpacked.

    Raises:
        EnvironmentProblem: a folder cannot be written, or the disk is full.
    """
    places = {archive: folder / "archives" / archive.name for archive in dict.fromkeys(archives)}
    ready = [archive for archive, path in places.items() if _is_right(path, archive.sha1)]
    wanted = [
        Wanted(f"{host.rstrip('/')}/{archive.path}", path, archive.sha1)
        for archive, path in places.items()
        if archive not in ready
    ]
    missing = [problem for a in ready for problem in _unpack(places[a], folder, place, keep)]
    with progress_bar(total=None, unit="B", description="fetching", quiet_s=1) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        for ended in fetch_many(wanted, fetcher, parallel=parallel, progress=show):
            if ended.failure:
                missing.append(Missing(shown(ended.wanted.url), ended.failure))
            else:
                missing += _unpack(ended.wanted.path, folder, place, keep)
    _remove_if_empty(folder / "archives")
    return missing


def _is_right(path: Path, sha1: str) -> bool:
    if not path.is_file():
        return False
    _LOG.info("%s is there; its sum is compared", path)
    if not sha1 or sha1_of(path) == sha1:
        return True
    _LOG.warning("%s has another sum than the published one and is fetched anew", path)
    path.unlink()
    return False


def _unpack(
    path: Path, folder: Path, place: Callable[[str], str | None], keep: bool
) -> list[Missing]:
    label = f"unpacking {path.name}"
    with progress_bar(total=None, unit="B", description=label, quiet_s=1, stays=False) as bar:
        try:
            count = unpack(path, folder, place=place, on_bytes=bar.update)
        except DataError as error:
            return [Missing(str(path), str(error))]
    _LOG.info("%s: %d files in %s", path.name, count, folder)
    if not keep:
        path.unlink()
    return []


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def require_nothing_missing(missing: Sequence[Missing], where: Path, shown: int = 5) -> None:
    """Log each missing file, and raise a DataError that names the first few if there are any."""
    if not missing:
        return
    for problem in missing:
        _LOG.warning("missing: %s (%s)", problem.what, problem.why)
    named = "; ".join(f"{problem.what}: {problem.why}" for problem in missing[:shown])
    more = f"; and {len(missing) - shown} more" if len(missing) > shown else ""
    files = "1 file is" if len(missing) == 1 else f"{len(missing)} files are"
    raise DataError(
        f"{files} missing in {where}: {named}{more}; run the command again to go on, or name "
        "another mirror",
        settings=("mirror",),
    )
