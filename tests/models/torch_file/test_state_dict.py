"""Weights are found in what torch writes, in both forms, and are the numbers torch has."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.state_dict import is_torch_file, read_state_dict
from tests.models.torch_file.builders import (
    GOLDEN,
    named,
    pickle_of,
    storage,
    tensor,
    text,
    torch_zip,
)

FILES = [
    f"{name}{form}" for name in ("weights", "checkpoint", "module") for form in ("", "_legacy")
]


@pytest.fixture(scope="module")
def expected():
    with np.load(GOLDEN / "expected.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("file", FILES)
def test_files_of_torch_give_its_numbers(file, expected):
    found = read_state_dict(GOLDEN / f"{file}.pt")
    start = file.removesuffix("_legacy") + "/"
    wanted = {n.removeprefix(start): a for n, a in expected.items() if n.startswith(start)}
    assert list(found) == list(wanted) and len(wanted) >= 7
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_the_numbers_are_not_all_alike(expected):
    assert expected["weights/turned"].shape == (4, 2, 3)
    assert expected["weights/turned"][:, 1, 2].tolist() == [2.5, 2.625, 2.75, 2.875]
    assert expected["weights/type.bfloat16"].tolist() == [1, 2, 3]
    assert expected["checkpoint/0.weight"].std() > 0.1


@pytest.mark.parametrize("name", ["weights.pt", "weights_legacy.pt"])
def test_the_first_bytes_tell_a_torch_file_whatever_its_name(name, tmp_path: Path):
    content = (GOLDEN / name).read_bytes()
    odd = tmp_path / "odd.params"
    for length in (len(content), len(content) // 2):
        odd.write_bytes(content[:length])
        assert is_torch_file(odd)


def test_other_files_are_none_of_torch(tmp_path: Path):
    np.savez(tmp_path / "a.npz", a=np.zeros(2))
    (tmp_path / "b").write_bytes(b"\x80\x02K\x01.")
    (tmp_path / "c").write_bytes(b"")
    (tmp_path / "d").write_bytes(b"PK\x03\x04 and no more")
    assert not any(is_torch_file(path) for path in tmp_path.iterdir())


@pytest.mark.parametrize("word", ["model", "state_dict", "model_state_dict"])
def test_weights_stand_below_a_word(word, tmp_path: Path):
    inner = b"}" + text("module.w") + tensor() + b"s"
    content = named(epoch=b"K\x03", other=b"}" + text("w") + tensor() + b"s", **{word: inner})
    file = torch_zip(tmp_path / "a.pt", content, {"data/0": np.arange(6, dtype="<f4").tobytes()})
    found = read_state_dict(file)
    assert {name: array.tolist() for name, array in found.items()} == {"w": [[0, 1, 2], [3, 4, 5]]}


def test_numbers_of_a_machine_of_the_other_byte_order(tmp_path: Path):
    entries = {"data/0": np.arange(6, dtype=">f4").tobytes(), "byteorder": b"big"}
    found = read_state_dict(torch_zip(tmp_path / "a.pt", named(w=tensor()), entries))
    assert found["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    halves = np.array([0x3F80, 0xC020], ">u2").tobytes()  # the upper halves of 1 and -2.5
    of = storage(2, word="BFloat16")
    entries = {"data/0": halves, "byteorder": b"big"}
    found = read_state_dict(
        torch_zip(tmp_path / "b.pt", named(w=tensor((2,), (1,), of=of)), entries)
    )
    assert found["w"].tolist() == [1, -2.5]


def test_arrays_are_not_to_be_written_to():
    found = read_state_dict(GOLDEN / "weights.pt")
    with pytest.raises(ValueError, match="read-only"):
        found["second"][0, 0] = 1


MANY = {f"w{n}": tensor() for n in range(3)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle_of(b"]"), "holds no weights by name: it holds one list"),
        (pickle_of(b"}"), "it holds a dictionary with nothing known"),
        (named(epoch=b"K\x03", lr=b"N"), "it holds a dictionary with epoch, lr; give a file"),
        (pickle_of(tensor()), "it holds one tensor"),
        (named(model=b"}"), "it holds a dictionary with model"),
        (named(model=b"K\x01"), "it holds a dictionary with model"),
        (pickle_of(b"}" + text("a\nb") + tensor() + b"s"), r"a weight is called 'a\\nb'"),
        (pickle_of(b"}" + text("w" * 201) + tensor() + b"s"), "a weight is called 'www"),
        (
            pickle_of(b"}(" + text("module.w") + tensor() + text("w") + tensor() + b"u"),
            "some names come with module. before them, and without",
        ),
        (named(**MANY), "18 weights share far fewer values"),
    ],
)
def test_what_holds_no_weights_is_said_in_one_line(content, message, tmp_path: Path):
    file = torch_zip(tmp_path / "a.pt", content)
    with pytest.raises(WeightsError, match=message) as caught:
        read_state_dict(file)
    assert str(caught.value).startswith(str(file)) and str(caught.value).isprintable()


def test_a_module_that_holds_itself_ends(tmp_path: Path):
    module = b"ctorch.nn.modules.module\nModule\n)\x81q\x00}("
    module += text("_modules") + b"}" + text("again") + b"h\x00s"
    module += text("_parameters") + b"}" + text("w") + tensor() + b"sub"
    found = read_state_dict(torch_zip(tmp_path / "a.pt", pickle_of(module)))
    assert list(found) == ["w"]


@pytest.mark.parametrize("file", FILES)
def test_damaged_files_are_one_line(file, tmp_path: Path):
    """Cut off, or with bytes changed, left out or doubled; some come through with other numbers."""
    rng = np.random.default_rng(FILES.index(file))
    content = (GOLDEN / f"{file}.pt").read_bytes()
    target = tmp_path / "damaged.pt"
    refused = 0
    for turn in range(200):
        target.write_bytes(_damaged(bytearray(content), turn % 4, rng))
        try:
            if is_torch_file(target):
                for array in read_state_dict(target).values():
                    array.sum()
        except WeightsError as error:
            refused += 1
            assert str(error).startswith(str(target)) and str(error).isprintable()
            assert len(str(error)) < len(str(target)) + 250
    assert refused > 100


def _damaged(content: bytearray, how: int, rng: np.random.Generator) -> bytes:
    place, length = int(rng.integers(len(content))), int(rng.integers(1, 40))
    if how == 0:
        return bytes(content[:place])
    if how == 1:
        for at in rng.integers(len(content), size=5):
            content[at] = rng.integers(256)
    elif how == 2:
        del content[place : place + length]
    else:
        other = int(rng.integers(len(content)))
        content[place:place] = content[other : other + length]
    return bytes(content)


def test_a_file_that_vanishes_is_an_os_error(tmp_path: Path):
    file = tmp_path / "a.pt"
    shutil.copy(GOLDEN / "weights.pt", file)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read_state_dict(file)
