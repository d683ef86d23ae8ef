"""The machine for pickles: right values, no code, no more memory than the file has bytes."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import sys
from collections import OrderedDict

import pytest

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.notes import Instance, Storage, Unread
from gluon_ssd.models.torch_file.pickle_reader import MOST_OPERATIONS, read_pickle
from tests.models.torch_file.builders import ORDERED, pickle_of, storage, text

VALUES = {
    "numbers": [0, 1, -1, 255, 256, 65536, -(2**31), 2**40, -(2**70), 2**2100, 1.5, -0.0],
    "texts": ["", "a", "ä" * 300, b"", b"\xff" * 300, bytearray(b"ab")],
    "nested": {"a": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], 2: {None: True, 1.5: False}},
    "twice": [[1, 2]] * 3,
    "many": {n: str(n) for n in range(3000)},
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", VALUES)
def test_plain_values_come_back(name, protocol):
    value = VALUES[name]
    if name == "texts" and protocol < 3:
        value = [word for word in value if isinstance(word, str)]
    if name == "texts" and protocol < 5:
        value = [word for word in value if not isinstance(word, bytearray)]
    stream = io.BytesIO(pickle.dumps(value, protocol) + b"more")
    found, storages = read_pickle(stream, "F")
    assert found == value and repr(found) == repr(value) and storages == {}
    assert stream.read() == b"more"


def test_an_ordered_dictionary_is_a_dictionary():
    value = OrderedDict([("b", 1), ("a", 2)])
    for protocol in (0, 2, 4):
        found, _ = read_pickle(io.BytesIO(pickle.dumps(value, protocol)), "F")
        assert type(found) is dict and list(found.items()) == [("b", 1), ("a", 2)]


def test_sets_are_lists_without_a_hash():
    found, _ = read_pickle(io.BytesIO(pickle.dumps([{1, 2}, frozenset([3])], 4)), "F")
    assert found == [[1, 2], (3,)]


def test_storages_are_noted():
    value, storages = read_pickle(io.BytesIO(pickle_of(storage(5, "k", "Half"))), "F")
    assert value == Storage("k", "float16", 5) and storages == {"k": value}


def test_objects_beside_the_weights_are_not_made():
    content = pickle_of(b"cargparse\nNamespace\n)\x81}" + text("lr") + b"K\x01sb")
    assert read_pickle(io.BytesIO(content), "F")[0] == Instance("argparse.Namespace", {"lr": 1})
    content = pickle_of(b"ctorch\ndevice\n" + text("cpu") + b"\x85R")
    assert read_pickle(io.BytesIO(content), "F")[0] == Unread("torch.device")


class Attack:
    """An object whose pickle calls a function of a given module."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


ATTACKS = {
    "posix.system": Attack(os.system, "touch ran"),
    "builtins.eval": Attack(eval, "open('ran', 'w')"),
    "builtins.exec": Attack(exec, "open('ran', 'w')"),
    "builtins.getattr": Attack(getattr, Attack(eval, "1"), "real"),
    "os.makedirs": {"model": [1, {"a": (Attack(os.makedirs, "ran"),)}]},
    "_io.open": OrderedDict([("w", Attack(open, "ran", "w"))]),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", ATTACKS)
def test_code_is_refused_by_name_and_not_run(name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(ATTACKS[name], protocol)
    function = name.rpartition(".")[2]
    message = rf"^F is refused: it asks for \w+\.{function}, which no weights need and which could"
    with pytest.raises(WeightsError, match=message):
        read_pickle(io.BytesIO(content), "F")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"(cposix\nsystem\nX\x02\x00\x00\x00lsi", "it asks for posix.system|damaged"),
        (b"(S'ls'\nios\nsystem\n.", "the operation INST"),
        (b"(cbuiltins\neval\nX\x01\x00\x00\x001o.", "it asks for builtins.eval"),
        (b"(ccollections\nOrderedDict\no.", "the operation OBJ"),
        (b"\x82\x01.", "the operation EXT1"),
        (b"Pkey\n.", "the operation PERSID"),
        (b"ctorch\nload\n(tR.", "it asks for torch.load,"),
        (b"ctorch._utils\n_rebuild_qtensor\n.", "it asks for torch._utils._rebuild_qtensor,"),
        (b"ctorch\\nx\ny\n.", r"it asks for torch\\nx.y,"),
        (b"cmodelsx\ny\n.", "it asks for modelsx.y,"),
        (b"ctorch.nn.modules.conv\nConv2d y\n.", "it asks for torch.nn.modules.conv.Conv2d y,"),
    ],
)
def test_other_ways_to_code_are_refused(content, message):
    with pytest.raises(WeightsError, match=message):
        read_pickle(io.BytesIO(content), "F")


DOUBLED = b")" + b"2\x86" * 100  # a tuple of two of a tuple of two ...: 2**100 when written out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged or cut off; copy"),
        (b"\x80\x02}", "damaged or cut off; copy"),
        (b"\x80\x02.", "its pickle ends too early"),
        (b"K\x01K\x02.", "its pickle ends too early"),
        (b"(K\x01.", "its pickle ends too early"),
        (b"\x86.", "takes more than there is"),
        (b"K\x01\x87.", "takes more than there is"),
        (b"h\x07.", "damaged or cut off; copy"),
        (b"t.", "damaged or cut off; copy"),
        (b"}" + DOUBLED + b"K\x01s.", "a dictionary has a key of type tuple"),
        (b"}]K\x01s.", "a dictionary has a key of type list"),
        (b"}(K\x01u.", "keys are set in what is no dictionary"),
        (b"K\x01K\x02K\x03s.", "keys are set in what is no dictionary"),
        (b"K\x01K\x02a.", "added to what is no list"),
        (b"K\x01)R.", "calls what is no function"),
        (b"ccollections\nOrderedDict\nK\x01R.", "calls what is no function"),
        (b"K\x01)\x81.", "an object of what is no class"),
        (DOUBLED + b"K\x01\x93.", "names something by what is no text"),
        (b"K\x01Q.", "reference to outside is of an unknown kind"),
        (b"(" + storage(5) + storage(6) + b"t.", "a storage is described in two ways"),
        (b"B\xff\xff\xff\x7fabc.", "damaged or cut off; copy"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "damaged or cut off; copy"),
        (b"X\x01\x00\x00\x00\xff.", "damaged or cut off; copy"),
        (b"I99x\n.", "damaged or cut off; copy"),
        (b"\xfe.", "damaged or cut off; copy"),
    ],
)
def test_a_damaged_pickle_is_one_line(content, message):
    with pytest.raises(WeightsError, match=message) as caught:
        read_pickle(io.BytesIO(content), "F")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200


def test_a_list_is_not_copied_over_and_over():
    pairs = b"](" + b"K\x01K\x01\x86" * 1000 + b"eq\x01"
    copy = b"ccollections\nOrderedDict\nh\x01\x85R"
    assert len(read_pickle(io.BytesIO(pairs + b"0" + copy + b"."), "F")[0]) == 1
    with pytest.raises(WeightsError, match="it copies values over and over"):
        read_pickle(io.BytesIO(pairs + copy * 10 + b"."), "F")


def test_a_pickle_has_an_end():
    with pytest.raises(WeightsError, match=f"more than {MOST_OPERATIONS} operations"):
        read_pickle(io.BytesIO(b"(" * (MOST_OPERATIONS + 1)), "F")


def test_deep_nesting_is_no_recursion():
    deep = 20 * sys.getrecursionlimit()
    found, _ = read_pickle(io.BytesIO(b")" + b"\x85" * deep + b"."), "F")
    assert len(found) == 1


def test_a_dictionary_keeps_no_attributes():
    content = pickle_of(ORDERED + b"}" + text("_metadata") + ORDERED + b"sb")
    assert read_pickle(io.BytesIO(content), "F")[0] == {}


def test_every_operation_of_pickles_is_known_or_refused():
    refused = {"PERSID", "INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEWOBJ_EX"}
    refused |= {"NEXT_BUFFER", "READONLY_BUFFER"}
    from gluon_ssd.models.torch_file import pickle_reader

    known = {*pickle_reader._VALUES, *pickle_reader._STEPS, "PROTO", "FRAME", "STOP"}
    assert known | refused == {operation.name for operation in pickletools.opcodes}
    assert not known & refused
