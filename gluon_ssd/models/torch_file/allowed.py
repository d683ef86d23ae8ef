"""The names that the pickle of a torch file may hold, and what a call of each comes to here.

A pickle names functions and classes and asks to call them. None is ever imported or called: each
allowed name stands for a few lines below, and a file with any other name is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from gluon_ssd.models.torch_file.notes import (
    STORAGES,
    DamagedError,
    Instance,
    Storage,
    Tensor,
    Unread,
)

_MOST_AXES = 16
_LARGEST = 2**40  # elements; far above any weights, far below what overflows
_KEYS = (str, int, float, bytes, type(None))  # bool is an int


def checked_key(key: Any) -> Any:
    """A key of a dictionary; DamagedError for those whose hash may take for ever."""
    if not isinstance(key, _KEYS):
        raise DamagedError(f"a dictionary has a key of type {type(key).__name__}")
    return key


def dictionary(*arguments: Any) -> dict[Any, Any]:
    """A dictionary of nothing, or of a list of pairs."""
    if not arguments:
        return {}
    (pairs,) = arguments
    if not isinstance(pairs, list | tuple):
        raise DamagedError("a dictionary is made of something else than pairs")
    return {checked_key(key): value for key, value in pairs}


def tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    """A note of a tensor; DamagedError unless all of it lies in the storage."""
    numbers = [offset, *_tuple(shape), *_tuple(strides)]
    if not isinstance(storage, Storage) or not all(_is_count(number) for number in numbers):
        raise DamagedError("a tensor is described by wrong values")
    if len(shape) != len(strides) or len(shape) > _MOST_AXES:
        raise DamagedError(f"a tensor has {len(shape)} axes and {len(strides)} strides")
    if math.prod(n for n in shape if n) >= _LARGEST:
        raise DamagedError(f"a tensor has the shape {shape}")
    found = Tensor(storage, offset, shape, strides)
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if found.size and last >= storage.count:
        raise DamagedError(
            f"a tensor of shape {shape} reaches beyond its storage of {storage.count} elements"
        )
    if found.size > storage.count:
        raise DamagedError(f"a tensor of shape {shape} is blown up from {storage.count} elements")
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _tuple(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise DamagedError("a tensor's shape or strides are no tuple")
    return value


def referenced(note: Any) -> Any:
    """What a reference out of the pickle means: a storage of the file, or the class of a module.

    Args:
        note: ("storage", class, key, device, elements, part or None), or, of whole modules,
            ("module", class, file of its source, source).
    """
    if isinstance(note, tuple) and len(note) == 4 and note[0] == "module":
        return note[1]
    if not isinstance(note, tuple) or len(note) < 5 or note[0] != "storage":
        raise DamagedError("a reference to outside is of an unknown kind")
    kind, key, count = note[1], note[2], note[4]
    word = re.fullmatch(r"torch\.(?:cuda\.)?(\w+)Storage", kind.name if _is_name(kind) else "")
    if word is None or word[1] not in STORAGES or not isinstance(key, str) or not _is_count(count):
        raise DamagedError("a storage is described by wrong values")
    if len(note) > 5 and note[5] is not None:
        raise DamagedError("it has storages that are parts of others, which is not supported")
    return Storage(key, STORAGES[word[1]], count)


def _is_name(value: Any) -> bool:
    return isinstance(value, Unread)


def _first(value: Any, *_: Any) -> Any:
    return value


def _entries(*arguments: Any) -> tuple[Any, ...]:
    return _tuple(arguments[0]) if arguments else ()


CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": dictionary,
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.Size": _entries,
}
"""Names -> what a call of them gives; their arguments are those of torch."""

# Values beside the weights in checkpoints: options, devices, counters of a schedule, NumPy numbers.
_BESIDE = re.compile(
    r"collections\.(Counter|defaultdict)|argparse\.Namespace|_codecs\.encode"
    r"|(__builtin__|builtins)\.(set|dict|list|int|float|complex|bytearray|slice|range|object)"
    r"|numpy\.(_?core\.multiarray\.(_reconstruct|scalar)|core\.numeric\._frombuffer|ndarray|dtype"
    r"|float64|float32|int64|int32)"
    r"|torch\.(device|float\d+|bfloat16|int\d+|uint8|bool|serialization\._get_layout)"
    r"|torch\.nn\.backends\.thnn\._get_thnn_function_backend"
    rf"|torch\.(cuda\.)?({'|'.join(STORAGES)})Storage"
)
# Classes of a module that was saved whole: those of torch, and where MLPerf keeps its detectors.
_MODULES = re.compile(r"(torch\.nn\.(modules|parameter)|torchvision\.models|models)\.[\w.]+")


def is_allowed(name: str) -> bool:
    """Whether a file may hold a name, "module.name"."""
    return name in CALLS or bool(_BESIDE.fullmatch(name) or _MODULES.fullmatch(name))


def called(name: str, arguments: tuple[Any, ...]) -> Any:
    """What the call of an allowed name comes to; raises TypeError for arguments that do not fit."""
    return CALLS[name](*arguments) if name in CALLS else Unread(name)


def instance(name: str) -> Any:
    """A new object of an allowed class."""
    return {} if CALLS.get(name) is dictionary else Instance(name)
