"""Which files a path means: a pair, the one pair of a folder, or that of an archive.

What other people hand on is a folder, or the model.tar.gz that SageMaker has written, with a
symbol, its parameters and hyperparams.json in it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gluon_ssd.deploy.mxnet.hyperparams import FILE_NAME, Hyperparams, read_hyperparams
from gluon_ssd.deploy.mxnet.pair import (
    epochs_of,
    exported_files,
    files_to_read,
    names_parameters,
    plain_prefix,
)
from gluon_ssd.errors import DataError, EnvironmentProblem, ModelError, WeightsError
from gluon_ssd.system.scratch import scratch_folder
from gluon_ssd.system.unpack import Limits, unpack
from gluon_ssd.system.wording import some_of

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
_SYMBOL = "-symbol.json"
_KEPT = re.compile(rf"[^.].*(-symbol\.json|-\d{{4,}}\.params)|{re.escape(FILE_NAME)}")
# Weights are hardly packed at all; those of ResNet-50 at 512 pixels take 130 MB.
_LIMITS = Limits(files=1000, size=4 * 10**9, ratio=100)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model.

    Attributes:
        name: their prefix, for messages and the names of results. In an archive it begins with the
            archive's path, and names the model when it is given as a path.
        symbol, params: the pair; either may be missing still.
        hyperparams: hyperparams.json beside it; None where there is none.
        source: what messages call that.
    """

    name: str
    symbol: Path
    params: Path
    hyperparams: Path | None = None
    source: str = ""

    def read_hyperparams(self) -> Hyperparams | None:
        """What hyperparams.json says; None where there is none. Raises ModelError."""
        return read_hyperparams(self.hyperparams, self.source) if self.hyperparams else None


@contextmanager
def model_files(path: str) -> Iterator[ModelFiles]:
    """The files that a path means, for the time of the block.

    Args:
        path: what the names of a pair start with, or one of the two names; a folder with one pair;
            an archive with one (see `ARCHIVES`), or ARCHIVE/PREFIX for one of several. An archive
            is unpacked to a folder that goes with the block. Of parameters of several epochs the
            last ones are meant, unless one is named; see `files_to_read`.

    Raises:
        ModelError: a folder or an archive holds no model, or several, which are listed.
        DataError: the archive is damaged, or refused; see `unpack`.
        EnvironmentProblem: there is no room to unpack it.
    """
    archive, inner = _in_archive(path)
    if archive is None:
        found = _in_folder(path) if _is_folder(path) else _pair(path)
        _note_epochs(path, found)
        yield found
        return
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder())
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot make a folder to unpack {archive}: {error.strerror or error}"
            ) from error
        try:
            found = _unpacked(archive, inner, folder)
            _note_epochs(inner, found)
            yield found
        except (DataError, ModelError, WeightsError) as error:
            # The folder goes with the block: the reader knows the archive alone.
            text = str(error).replace(str(folder), str(archive))
            raise type(error)(text, settings=error.settings) from error


def is_in_archive(path: str) -> bool:
    """Whether a path means an archive, or a model in one."""
    return _in_archive(path)[0] is not None


def files_behind(path: str) -> Sequence[Path]:
    """The files on disk that a model comes from: those of the pair, or the archive.

    Raises:
        ModelError: as of `model_files`, of a folder.
    """
    archive, _ = _in_archive(path)
    if archive is not None:
        return (archive,)
    found = _in_folder(path) if _is_folder(path) else _pair(path)
    return tuple(filter(None, (found.symbol, found.params, found.hyperparams)))


def _in_archive(path: str) -> tuple[Path | None, str]:
    """The archive that a path leads to, and what it names in there; None for another path."""
    whole = Path(path)
    for place in (whole, *whole.parents):
        if place.name.lower().endswith(ARCHIVES) and os.path.isfile(place):
            inner = whole.relative_to(place).as_posix()
            return place, "" if inner == "." else inner
    return None, ""


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not exported_files(plain_prefix(path))[0].is_file()


def _pair(path: str, source: str = "") -> ModelFiles:
    symbol, params = files_to_read(path)
    beside = symbol.parent / FILE_NAME
    if not os.path.exists(beside):
        return ModelFiles(plain_prefix(path), symbol, params)
    return ModelFiles(plain_prefix(path), symbol, params, beside, source or str(beside))


def _note_epochs(path: str, found: ModelFiles) -> None:
    """Say which parameters are taken where the path leaves it open."""
    epochs = epochs_of(plain_prefix(str(found.symbol)))
    if len(epochs) > 1 and not names_parameters(path):
        _log.warning(
            "%s has the parameters of %d epochs; %s are taken, name others in place of the prefix",
            found.name,
            len(epochs),
            found.params.name,
        )


def _in_folder(path: str) -> ModelFiles:
    folder = Path(path)
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise ModelError(f"cannot read the folder {folder}: {error.strerror}") from error
    prefixes = [name.removesuffix(_SYMBOL) for name in names if name.endswith(_SYMBOL)]
    return _pair(str(folder / _the_one(prefixes, folder, ("folder", folder), names)))


def _unpacked(archive: Path, inner: str, folder: Path) -> ModelFiles:
    """Unpack what belongs to models, and find the one that is meant."""
    members: list[str] = []

    def place(name: str) -> str | None:
        members.append(name)
        return name if _KEPT.fullmatch(PurePosixPath(name).name) else None

    unpack(archive, folder, place=place, limits=_LIMITS)
    places = sorted(folder.rglob(f"*{_SYMBOL}"))
    prefixes = [p.relative_to(folder).as_posix().removesuffix(_SYMBOL) for p in places]
    if inner and plain_prefix(inner) not in prefixes:
        raise ModelError(
            f"the archive {archive} holds no model {plain_prefix(inner)}; it holds "
            f"{some_of(prefixes or members, most=10) or 'nothing'}"
        )
    chosen = inner or _the_one(prefixes, folder, ("archive", archive), members)
    found = _pair(str(folder / chosen))
    hyperparams = found.hyperparams or folder / FILE_NAME
    return ModelFiles(
        f"{archive}/{plain_prefix(chosen)}",
        found.symbol,
        found.params,
        hyperparams if hyperparams.is_file() else None,
        f"{archive}/{hyperparams.relative_to(folder).as_posix()}",
    )


def _the_one(
    prefixes: Sequence[str], folder: Path, where: tuple[str, Path], names: Sequence[str]
) -> str:
    """The prefix of the one model below a folder. Raises ModelError unless there is one.

    Args:
        prefixes: of the symbols, below the folder.
        folder: with the files.
        where: what messages name: the kind of place, and its path.
        names: of all that is there, for messages.
    """
    kind, place = where
    whole = [prefix for prefix in prefixes if epochs_of(str(folder / prefix))]
    if len(whole) == 1 or (not whole and len(prefixes) == 1):
        return (whole or prefixes)[0]
    if prefixes:
        several = whole or prefixes
        raise ModelError(
            f"the {kind} {place} holds {len(several)} models: {some_of(several, most=10)}; name "
            f"the one that is meant, such as {place}/{several[0]}"
        )
    raise ModelError(
        f"the {kind} {place} holds no exported model, which is a pair NAME{_SYMBOL} and "
        f"NAME-0000.params; it holds {some_of(names, most=5) or 'nothing'}"
    )
