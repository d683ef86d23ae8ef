"""Fetch published weights: checked by hash, kept in a folder, from a mirror where one is set."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from gluon_ssd.errors import DataError, WeightsError
from gluon_ssd.system.address import shown_address
from gluon_ssd.system.download import Fetcher, Progress, Wanted
from gluon_ssd.system.files import atomic_path, ensure_directory, sha1_of
from gluon_ssd.system.pace import Patience
from gluon_ssd.system.unpack import Limits, unpack
from gluon_ssd.system.web_session import FetchFailed

_LOG = logging.getLogger(__name__)

# The largest published detector has a third of a gigabyte, in an archive of a file or two.
_LIMITS = Limits(files=100, size=4 * 10**9)
_LONGEST_S = 6 * 3600.0


class WeightStore(NamedTuple):
    """What a family has published: name to SHA-1 of its parameter file, and the host's address."""

    hashes: Mapping[str, str] = {}
    address: str = ""


def cache_folder() -> Path:
    """Where GluonCV keeps its files too: `$MXNET_HOME/models` or `~/.mxnet/models`."""
    return Path(os.environ.get("MXNET_HOME") or Path.home() / ".mxnet") / "models"


def fetch_weights(
    name: str,
    store: WeightStore,
    *,
    folder: str | os.PathLike[str] | None = None,
    mirror: str | None = None,
    timeout_s: float = 30,
    progress: Progress | None = None,
    settings: Sequence[str] = (),
) -> Path:
    """Path of a published parameter file, fetched when it is not there yet.

    Args:
        name: model name, e.g. "ssd_512_mobilenet1.0_voc" or the backbone "mobilenet1.0".
        store: where it is published.
        folder: where files are kept; by default `cache_folder()`.
        mirror: start of the address, before `gluon/models/`; by default the environment variable
            MXNET_GLUON_REPO, else the store's own host.
        timeout_s: how long the host may stay silent.
        progress: called with (bytes so far, bytes in all or None) while fetching.
        settings: of the error where nothing is published: the option that names a file instead.

    Returns:
        `<folder>/<name>-<first 8 digits of the hash>.params`, its hash checked.

    Raises:
        WeightsError: nothing is published under that name, the host cannot be reached, or it sends
            something else; the line names the file and the folder to put it in.
        EnvironmentProblem: the folder cannot be written.
    """
    wanted = store.hashes.get(name)
    if wanted is None:
        raise WeightsError(
            f"no weights of {name} are fetched; give the path of a .params or .pt file instead",
            settings=settings,
        )
    stem = f"{name}-{wanted[:8]}"
    path = Path(folder or cache_folder()).expanduser() / f"{stem}.params"
    if path.is_file():
        if sha1_of(path) == wanted:
            return path
        _LOG.warning("%s is damaged (its hash is another one) and is fetched anew", path)
    ensure_directory(path.parent)
    address = mirror or os.environ.get("MXNET_GLUON_REPO") or store.address
    url = f"{address.rstrip('/')}/gluon/models/{stem}.zip"
    with atomic_path(path) as temporary:
        _fetch(url, temporary, path, timeout_s, progress)
        if sha1_of(temporary) != wanted:
            raise _unreachable(path, url, "the file it sends has another hash")
    return path


def _unreachable(path: Path, url: str, reason: str) -> WeightsError:
    address = shown_address(url)
    host = urlsplit(address).netloc or address
    return WeightsError(
        f"cannot fetch {path.name} from {host}: {reason}; put the file {path.name} into "
        f"{path.parent}, or name a mirror in MXNET_GLUON_REPO"
    )


def _fetch(url: str, target: Path, path: Path, timeout_s: float, progress: Progress | None) -> None:
    """Fetch the archive of `path` and write the parameter file inside it to `target`."""
    # Processes of one run may want the same file at once: each has an archive of its own.
    archive = path.with_name(f".{path.stem}.{os.getpid()}.zip")
    patience = Patience(timeout_s, attempts=1, longest_s=_LONGEST_S)
    fetcher = Fetcher(patience, resumes=False)
    try:
        fetcher.fetch(Wanted(url, archive, most_bytes=_LIMITS.size), progress)
        _unpack(archive, target, path, url)
    except FetchFailed as failure:
        raise _unreachable(path, url, str(failure)) from failure
    finally:
        archive.unlink(missing_ok=True)


def _unpack(archive: Path, target: Path, path: Path, url: str) -> None:
    """Write the one member that is named like `path`; no other leaves the archive."""

    def place(name: str) -> str | None:
        return target.name if Path(name).name == path.name else None

    try:
        count = unpack(archive, target.parent, place=place, limits=_LIMITS)
    except DataError as error:
        reason = str(error).replace(str(archive), "the archive it sends").partition("; ")[0]
        raise _unreachable(path, url, reason) from error
    if not count:
        raise _unreachable(path, url, "the archive it sends does not hold it")
