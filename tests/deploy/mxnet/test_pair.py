"""Which two files are meant, and that they are of one export."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import move_exported, read_exported, write_exported
from gluon_ssd.deploy.mxnet.pair import (
    DIGEST_ATTRIBUTE,
    check_digest,
    digest_of,
    exported_files,
    files_to_read,
    plain_prefix,
    take_digest,
)
from gluon_ssd.errors import WeightsError

MIXED = r"x-symbol\.json and .*x-0000\.params are of different exports"


@pytest.fixture
def exports(zoo_prefix: str, tmp_path: Path) -> tuple[str, str]:
    """Two exports of one detector that differ in one weight."""
    exported = read_exported(zoo_prefix)
    prefixes = str(tmp_path / "one" / "x"), str(tmp_path / "two" / "x")
    for number, prefix in enumerate(prefixes):
        name = next(name for name in exported.params if name.endswith("weight"))
        exported.params[name].flat[0] += number
        Path(prefix).parent.mkdir()
        write_exported(exported, prefix)
    return prefixes


def without_digest(prefix: str) -> None:
    """Make a symbol like one of an earlier version."""
    path = exported_files(prefix)[0]
    symbol = json.loads(path.read_text())
    del symbol["attrs"][DIGEST_ATTRIBUTE]
    path.write_text(json.dumps(symbol))


def test_each_export_reads_with_its_own_parameters(exports: tuple[str, str]):
    for prefix in exports:
        assert DIGEST_ATTRIBUTE not in read_exported(prefix).graph.extra["attrs"]


@pytest.mark.parametrize("file", [0, 1], ids=["symbol", "parameters"])
def test_files_of_two_exports_are_refused(exports: tuple[str, str], file: int):
    shutil.copy(exported_files(exports[0])[file], exported_files(exports[1])[file])
    with pytest.raises(WeightsError, match=MIXED):
        read_exported(exports[1])


@pytest.mark.parametrize("is_older", [False, True], ids=["of now", "of an earlier version"])
def test_a_kill_between_the_two_renames_is_noticed(
    exports: tuple[str, str], is_older: bool, monkeypatch: pytest.MonkeyPatch
):
    staged, target = exports
    if is_older:
        without_digest(target)
    renames, replace = [], os.replace

    def kill_at_the_second(source: Path, end: Path) -> None:
        renames.append(end)
        if len(renames) == 2:
            raise KeyboardInterrupt
        replace(source, end)

    monkeypatch.setattr(os, "replace", kill_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        move_exported(staged, target)
    with pytest.raises(WeightsError, match=MIXED):
        read_exported(target)


def test_a_pair_without_digest_is_read_as_before(exports: tuple[str, str]):
    without_digest(exports[0])
    assert read_exported(exports[0]).params


@pytest.mark.parametrize("entry", [3, ["str", 3], ["str", "0"], [], {}])
def test_a_damaged_digest_fits_no_parameters(exports: tuple[str, str], entry: object):
    path = exported_files(exports[0])[0]
    symbol = json.loads(path.read_text())
    symbol["attrs"][DIGEST_ATTRIBUTE] = entry
    path.write_text(json.dumps(symbol))
    with pytest.raises(WeightsError, match=MIXED):
        read_exported(exports[0])


ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((), np.int8)}


def test_the_digest_depends_on_all_that_a_file_says():
    others = [
        {"c": ARRAYS["a"], "b": ARRAYS["b"]},
        {"a": ARRAYS["a"].reshape(3, 2), "b": ARRAYS["b"]},
        {"a": ARRAYS["a"].view(np.int32), "b": ARRAYS["b"]},
        {"a": ARRAYS["a"] + 1, "b": ARRAYS["b"]},
        {"a": ARRAYS["a"]},
    ]
    digests = [digest_of(arrays) for arrays in (ARRAYS, *others)]
    assert len(set(digests)) == len(digests)
    assert digest_of({"a": np.asfortranarray(ARRAYS["a"]), "b": ARRAYS["b"]}) == digests[0]


def test_no_digest_fits_all():
    check_digest(None, ARRAYS, Path("s"), Path("p"))
    check_digest(digest_of(ARRAYS), ARRAYS, Path("s"), Path("p"))


def test_the_digest_is_taken_out():
    attributes = {DIGEST_ATTRIBUTE: ["str", "0a"], "mxnet_version": ["int", 10901]}
    assert take_digest(attributes) == "0a"
    assert attributes == {"mxnet_version": ["int", 10901]}
    assert take_digest(attributes) is None


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("m/x", "m/x"),
        ("m/x-symbol.json", "m/x"),
        ("m/x-0000.params", "m/x"),
        ("m/x-0034.params", "m/x"),
        ("m/x-12345.params", "m/x"),
        ("m/x_0034_0.7.params", "m/x_0034_0.7.params"),
    ],
)
def test_the_prefix_of_either_file(text: str, prefix: str):
    assert plain_prefix(text) == prefix


@pytest.mark.parametrize(
    ("there", "asked", "params"),
    [
        (["x-0000.params"], "x", "x-0000.params"),
        (["x-0000.params", "x-0034.params", "x-0009.params"], "x", "x-0034.params"),
        (["x-0000.params", "x-0034.params"], "x-0034.params", "x-0034.params"),
        (["x-0034.params"], "x", "x-0034.params"),
        (["x-0034.params"], "x-symbol.json", "x-0034.params"),
        (
            ["x-0034.params", "x-y-0001.params", "xx-0001.params", "x-1.params"],
            "x",
            "x-0034.params",
        ),
        ([], "x", "x-0000.params"),
    ],
)
def test_the_parameters_that_are_meant(tmp_path: Path, there: list, asked: str, params: str):
    for name in there:
        (tmp_path / name).touch()
    found = files_to_read(str(tmp_path / asked))
    assert found == (tmp_path / "x-symbol.json", tmp_path / params)


def test_named_parameters_are_read_beside_others(exports: tuple[str, str]):
    prefix = exports[0]
    without_digest(prefix)
    later = Path(f"{prefix}-0034.params")
    shutil.copy(exported_files(exports[1])[1], later)
    one, two = read_exported(f"{prefix}-0000.params"), read_exported(str(later))
    assert [name for name in one.params if not np.array_equal(one.params[name], two.params[name])]
    assert two.name == prefix


def test_weights_that_are_not_finite_are_refused(exports: tuple[str, str]):
    prefix = exports[0]
    without_digest(prefix)
    params = str(exported_files(prefix)[1])
    arrays = mx.nd.load(params)
    name = next(name for name in arrays if name.endswith("weight"))
    arrays[name][:] = np.nan
    mx.nd.save(params, arrays)
    expected = rf"x-0000\.params: 1 weights are not finite, the first is {name[4:]}; take"
    with pytest.raises(WeightsError, match=expected):
        read_exported(prefix)
