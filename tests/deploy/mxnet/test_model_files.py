"""Which files a path means."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pytest

from gluon_ssd.deploy.mxnet.model_files import files_behind, is_in_archive, model_files
from gluon_ssd.deploy.mxnet.pair import DIGEST_ATTRIBUTE
from gluon_ssd.errors import DataError, ModelError, WeightsError
from tests.deploy.mxnet.model_archives import NAME, hyperparams_text, write_archive

PAIR = {f"{NAME}-symbol.json": b"{}", f"{NAME}-0000.params": b"weights"}
WHOLE = {**PAIR, "hyperparams.json": hyperparams_text()}


def write_folder(folder: Path, members: dict[str, bytes]) -> Path:
    """The members as files."""
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(path: object) -> tuple[str, bytes, str, bool]:
    """Name, parameters and their file's name, and whether there are hyperparams."""
    with model_files(str(path)) as found:
        assert found.symbol.is_file()
        content = found.params.read_bytes()
        return found.name, content, found.params.name, found.read_hyperparams() is not None


def test_a_folder_with_one_pair(tmp_path: Path):
    folder = write_folder(tmp_path / "m", WHOLE)
    for path in (folder, f"{folder}/", folder / NAME, folder / f"{NAME}-symbol.json"):
        assert read(path) == (f"{folder}/{NAME}", b"weights", f"{NAME}-0000.params", True)
    (folder / "hyperparams.json").unlink()
    assert not read(folder)[-1]


@pytest.mark.parametrize(
    ("name", "mode"),
    [("model.tar.gz", "w:gz"), ("model.tgz", "w:gz"), ("m.tar", "w"), ("model.tar.gz", "w")],
)
def test_an_archive_leaves_nothing_behind(
    name: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    path = write_archive(tmp_path / name, {**WHOLE, "log.txt": b"epoch 1"}, mode)
    with model_files(str(path)) as found:
        folder = found.symbol.parent
        assert sorted(file.name for file in folder.iterdir()) == sorted(WHOLE)
        assert found.name == f"{path}/{NAME}" and found.source == f"{path}/hyperparams.json"
    assert not list(place.iterdir()) and is_in_archive(str(path))
    # What it is called is a path again.
    assert read(found.name) == read(path)
    with pytest.raises(WeightsError, match=f"{path}/{NAME}-0000.params is bad"):
        with model_files(str(path)) as found:
            raise WeightsError(f"{found.params} is bad")
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    "members",
    [
        {f"./{name}": content for name, content in WHOLE.items()},
        {f"out/model/{name}": content for name, content in WHOLE.items()},
        {**{f"out/{name}": content for name, content in PAIR.items()}}
        | {"hyperparams.json": hyperparams_text()},
        {**WHOLE, f"._{NAME}-symbol.json": b"of a Mac", f"._{NAME}-0000.params": b"too"},
        {**WHOLE, "other-symbol.json": b"without parameters"},
    ],
    ids=["dot", "deep", "apart", "hidden", "half"],
)
def test_archives_of_other_shapes(members: dict[str, bytes], tmp_path: Path):
    name, content, _, has_hyperparams = read(write_archive(tmp_path / "m.tar.gz", members))
    assert name.endswith(NAME) and content == b"weights" and has_hyperparams


LATER = {f"{NAME}-0034.params": b"later", f"{NAME}-0009.params": b"early"}


def test_the_last_epoch_is_taken_unless_one_is_named(tmp_path: Path, caplog):
    folder = write_folder(tmp_path / "m", {**WHOLE, **LATER})
    archive = write_archive(tmp_path / "m.tar.gz", {**WHOLE, **LATER})
    for path in (folder, folder / NAME, archive, f"{archive}/{NAME}"):
        caplog.clear()
        assert read(path)[1] == b"later"
        (line,) = (record.getMessage() for record in caplog.records)
        assert f"has the parameters of 3 epochs; {NAME}-0034.params are taken" in line
    caplog.clear()
    for place in (folder, archive):
        assert read(f"{place}/{NAME}-0009.params")[1] == b"early"
    assert not caplog.records


def test_a_symbol_that_was_written_here_goes_with_epoch_0(tmp_path: Path):
    members = {**WHOLE, **LATER, f"{NAME}-symbol.json": f'{{"{DIGEST_ATTRIBUTE}": 1}}'.encode()}
    assert read(write_folder(tmp_path / "m", members))[1] == b"weights"


TWO = {**PAIR, "b-symbol.json": b"{}", "b-0007.params": b"of b"}


def test_several_models_are_listed(tmp_path: Path):
    folder = write_folder(tmp_path / "m", TWO)
    archive = write_archive(tmp_path / "m.tar.gz", TWO)
    for place in (folder, archive):
        with pytest.raises(
            ModelError, match=rf"{place} holds 2 models: b, {NAME}; name .* {place}/b"
        ):
            read(place)
        assert read(f"{place}/b") == (f"{place}/b", b"of b", "b-0007.params", False)
    with pytest.raises(ModelError, match=rf"holds no model c; it holds b, {NAME}"):
        read(f"{archive}/c")


def test_a_place_without_a_model_says_what_it_holds(tmp_path: Path):
    members = {"readme.txt": b"", "best.params": b""}
    for place in (
        write_folder(tmp_path / "m", members),
        write_archive(tmp_path / "m.tar.gz", members),
    ):
        with pytest.raises(ModelError, match=r"holds no exported model.*best\.params"):
            read(place)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds nothing"):
        read(tmp_path / "empty")


def test_a_pair_comes_before_a_folder_of_its_name(tmp_path: Path):
    write_folder(tmp_path / "x", WHOLE)
    write_folder(tmp_path, {"x-symbol.json": b"{}", "x-0000.params": b"the pair"})
    assert read(tmp_path / "x")[1] == b"the pair"


def test_ways_out_of_an_archive_are_refused(tmp_path: Path):
    path = write_archive(tmp_path / "m.tar.gz", {**WHOLE, "../evil-symbol.json": b"{}"})
    with pytest.raises(DataError, match=r"m\.tar\.gz is refused: .*leads out of the folder"):
        read(path)


def test_a_cut_archive_is_refused(tmp_path: Path):
    path = write_archive(tmp_path / "m.tar.gz", WHOLE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"cannot unpack .*m\.tar\.gz: .*damaged"):
        read(path)


def test_an_archive_that_grows_is_refused(tmp_path: Path):
    zeros = {f"{NAME}-0000.params": bytes(8 << 20), f"{NAME}-symbol.json": b"{}"}
    path = write_archive(tmp_path / "m.tar.gz", zeros)
    with pytest.raises(DataError, match=r"m\.tar\.gz is refused: it grows to more than"):
        read(path)


def test_the_files_behind_a_path(tmp_path: Path):
    folder = write_folder(tmp_path / "m", WHOLE)
    archive = write_archive(tmp_path / "m.tar.gz", WHOLE)
    assert files_behind(str(archive)) == files_behind(f"{archive}/{NAME}") == (archive,)
    names = [path.name for path in files_behind(str(folder))]
    assert names == [f"{NAME}-symbol.json", f"{NAME}-0000.params", "hyperparams.json"]
    assert files_behind(str(tmp_path / "x.onnx"))[0] == tmp_path / "x.onnx-symbol.json"


def test_what_is_no_archive_is_a_prefix(tmp_path: Path):
    assert not is_in_archive(str(tmp_path / "missing.tar.gz"))
    (tmp_path / "a.tar.gz").mkdir()
    assert not is_in_archive(str(tmp_path / "a.tar.gz/x"))


def test_nothing_is_said_of_one_epoch(tmp_path: Path, caplog):
    with caplog.at_level(logging.DEBUG):
        read(write_folder(tmp_path / "m", WHOLE))
    assert not caplog.records
