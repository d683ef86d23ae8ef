"""What names come to, and what a tensor may not be."""

from __future__ import annotations

import pytest

from gluon_ssd.models.torch_file.allowed import (
    called,
    checked_key,
    dictionary,
    instance,
    is_allowed,
    referenced,
    tensor,
)
from gluon_ssd.models.torch_file.notes import DamagedError, Instance, Storage, Tensor, Unread

SIX = Storage("0", "float32", 6)


@pytest.mark.parametrize(
    "name",
    [
        *("collections.OrderedDict", "collections.Counter", "argparse.Namespace", "torch.Size"),
        *("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.device"),
        *("torch.FloatStorage", "torch.cuda.HalfStorage", "torch.BFloat16Storage", "torch.float16"),
        *("torch.nn.modules.conv.Conv2d", "models.ssd_r34.SSD_R34", "_codecs.encode"),
        *("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype"),
        *("torch.nn.backends.thnn._get_thnn_function_backend", "builtins.set"),
    ],
)
def test_names_that_checkpoints_have(name):
    assert is_allowed(name)


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "posix.system", "builtins.eval", "builtins.getattr", "builtins.__import__"),
        *("torch.load", "torch.hub.load", "torch.FloatStorage.from_file", "torch.QInt8Storage"),
        *("torch._utils._rebuild_qtensor", "torch._utils._rebuild_tensor_v2.__globals__"),
        *("subprocess.Popen", "collections.OrderedDict.fromkeys", "numpy.load", "argparse.open"),
        *("xtorch.device", "torchvision.io.read_file", "torch.nn.modulesx.y", "models", ""),
    ],
)
def test_other_names(name):
    assert not is_allowed(name)


def test_calls():
    assert called("collections.OrderedDict", ()) == {}
    assert called("collections.OrderedDict", ([["b", 1], ("a", 2)],)) == {"b": 1, "a": 2}
    assert called("torch.Size", ((2, 3),)) == (2, 3) and called("torch.Size", ()) == ()
    note = called("torch._utils._rebuild_tensor_v2", (SIX, 1, (2,), (3,), False, {}))
    assert note == Tensor(SIX, 1, (2,), (3,))
    assert called("torch._utils._rebuild_parameter", (note, True, {})) == note
    assert called("posix.system", ("touch ran",)) == Unread("posix.system")  # were it let in
    assert instance("collections.OrderedDict") == {}
    assert instance("torch._utils._rebuild_parameter") == Instance(
        "torch._utils._rebuild_parameter"
    )


@pytest.mark.parametrize("key", ["a", 1, 1.5, True, None, b"b"])
def test_keys(key):
    assert checked_key(key) is key
    with pytest.raises(DamagedError, match="a key of type tuple"):
        checked_key((key,))


@pytest.mark.parametrize("pairs", ["ab", {"a": 1}, 3])
def test_a_dictionary_is_made_of_pairs(pairs):
    with pytest.raises(DamagedError, match="made of something else than pairs"):
        dictionary(pairs)
    with pytest.raises(ValueError, match="unpack"):
        dictionary([(1, 2, 3)])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (2, 3), (3, 1)), (0, (3, 2), (1, 3)), (5, (), ()), (6, (0,), (1,)), (5, (1,), (99,))],
)
def test_tensors_inside_their_storage(offset, shape, strides):
    assert tensor(SIX, offset, shape, strides) == Tensor(SIX, offset, shape, strides)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SIX, 0, (7,), (1,)), r"shape \(7,\) reaches beyond its storage of 6"),
        ((SIX, 1, (2, 3), (3, 1)), "reaches beyond"),
        ((SIX, 6, (), ()), "reaches beyond"),
        ((SIX, 0, (2,), (6,)), "reaches beyond"),
        ((SIX, 0, (7,), (0,)), r"shape \(7,\) is blown up from 6 elements"),
        ((SIX, 0, (2**20, 2**19), (0, 0)), "is blown up"),
        ((SIX, 0, (2**20, 2**20), (0, 0)), "has the shape"),
        ((SIX, 0, (0, 2**39, 2**39), (0, 0, 0)), "has the shape"),
        ((SIX, -1, (2,), (1,)), "wrong values"),
        ((SIX, 0, (2,), (-1,)), "wrong values"),
        ((SIX, 0, (2**40,), (0,)), "wrong values"),
        ((SIX, 0, (2.0,), (1,)), "wrong values"),
        ((SIX, True, (2,), (1,)), "wrong values"),
        (("0", 0, (2,), (1,)), "wrong values"),
        ((SIX, 0, [2], (1,)), "no tuple"),
        ((SIX, 0, (2,), (1, 1)), "1 axes and 2 strides"),
        ((SIX, 0, (1,) * 17, (1,) * 17), "17 axes"),
    ],
)
def test_tensors_that_are_none(arguments, message):
    with pytest.raises(DamagedError, match=message):
        tensor(*arguments)


FLOATS = Unread("torch.FloatStorage")


def test_references():
    assert referenced(("storage", FLOATS, "k", "cuda:0", 3)) == Storage("k", "float32", 3)
    assert referenced(("storage", FLOATS, "k", "cpu", 3, None)) == Storage("k", "float32", 3)
    assert referenced(("module", FLOATS, "file.py", "class A: ...")) is FLOATS


@pytest.mark.parametrize(
    ("note", "message"),
    [
        (("file", "name"), "of an unknown kind"),
        (3, "of an unknown kind"),
        (("storage", FLOATS, "k", "cpu"), "of an unknown kind"),
        (("storage", "torch.FloatStorage", "k", "cpu", 3), "wrong values"),
        (("storage", Unread("torch.device"), "k", "cpu", 3), "wrong values"),
        (("storage", FLOATS, 0, "cpu", 3), "wrong values"),
        (("storage", FLOATS, "k", "cpu", -3), "wrong values"),
        (("storage", FLOATS, "k", "cpu", 3, ("l", 0, 2)), "parts of others"),
    ],
)
def test_references_to_nothing(note, message):
    with pytest.raises(DamagedError, match=message):
        referenced(note)
