"""The weights in a torch file: found in what a checkpoint holds beside them, as NumPy arrays."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.legacy_file import LegacyFile, is_legacy_torch
from gluon_ssd.models.torch_file.notes import Instance, Storage, Tensor, damaged
from gluon_ssd.models.torch_file.zip_file import ZipFile, is_torch_zip
from gluon_ssd.system.files import is_zip

_WORDS = ("model", "state_dict", "model_state_dict", "ema_state_dict")
"""Where checkpoints keep their weights, the likeliest first."""

_LONGEST_NAME = 200


def is_torch_file(path: str | os.PathLike[str]) -> bool:
    """Whether torch has written a file, by its first bytes. Raises OSError."""
    file = os.fspath(path)
    if is_zip(file):
        return is_torch_zip(file)
    with open(file, "rb") as opened:
        return is_legacy_torch(opened.read(16))


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Name to array of the weights in a torch file, in its order.

    They may be the whole file, stand below `model`, `state_dict` or `model_state_dict`, or be those
    of a module that was saved whole. Names lose the `module.` that training on several devices puts
    before them. Nothing of the file is run, and what is beside the weights is not read.

    Args:
        path: a file for which `is_torch_file`.

    Returns:
        Arrays, not writable, of the file's types, but float32 for its 16-bit floats.

    Raises:
        WeightsError: the file is refused, damaged, or holds no weights. OSError.
    """
    file = os.fspath(path)
    with closing(ZipFile(file) if is_zip(file) else LegacyFile(file)) as opened:
        tensors = _tensors_of(opened.root, file)
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        values = sum(tensor.size for tensor in tensors.values())
        if values > 2 * sum(storage.count for storage in storages.values()):
            raise damaged(file, f"{values} weights share far fewer values")
        read = {
            key: _elements(opened.storage_bytes(storage), storage, opened.byte_order)
            for key, storage in storages.items()
        }
    return {name: _view(read[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _elements(content: bytes, storage: Storage, byte_order: str) -> NDArray[Any]:
    """A storage as a flat array; 16-bit floats become float32, which holds all of their values."""
    if storage.dtype == "bfloat16":  # the upper half of a float32
        halves = np.frombuffer(content, f"{byte_order}u2")
        return (halves.astype(np.uint32) << 16).view(np.float32)
    if storage.dtype == "bool":  # any byte may stand there; NumPy's own are 0 and 1 alone
        return np.frombuffer(content, np.uint8) != 0
    found = np.frombuffer(content, byte_order + np.dtype(storage.dtype).str[1:])
    return found.astype(np.float32 if storage.dtype == "float16" else storage.dtype, copy=False)


def _view(elements: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    if not tensor.size:
        return np.zeros(tensor.shape, elements.dtype)
    strides = [stride * elements.itemsize for stride in tensor.strides]
    return as_strided(elements[tensor.offset :], tensor.shape, strides, writeable=False)


def _tensors_of(root: Any, file: str) -> dict[str, Tensor]:
    """The weights of a file's value by name. Raises WeightsError when there are none."""
    found = _weights_in(root)
    if found is None:
        held = f"it holds {_told(root)}"
        raise WeightsError(f"{file} holds no weights by name: {held}; give a file of a state dict")
    names = [name for name in found if not name.isprintable() or len(name) > _LONGEST_NAME]
    if names:
        raise damaged(file, f"a weight is called {ascii(names[0])[:80]}")
    plain = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    if len(plain) < len(found):
        raise damaged(file, "some names come with module. before them, and without")
    return plain


def _weights_in(root: Any) -> dict[str, Tensor] | None:
    """The weights of a state dict, of a checkpoint around one, or of a module."""
    if isinstance(root, Instance):
        return _weights_of_module(root)
    if not isinstance(root, Mapping):
        return None
    if root and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in root.items()):
        return dict(root)
    for word in _WORDS:
        inner = root.get(word)
        if isinstance(inner, Instance) and (module := _weights_of_module(inner)):
            return module
        if isinstance(inner, Mapping):
            named = {k: v for k, v in inner.items() if isinstance(v, Tensor)}
            if named and all(isinstance(name, str) for name in inner):
                return named
    return None


def _weights_of_module(module: Instance) -> dict[str, Tensor] | None:
    """Parameters and buffers of a module and those below it, as its state dict names them."""
    found: dict[str, Tensor] = {}
    waiting, seen = [("", module)], set[int]()
    while waiting:
        before, each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        for part in ("_parameters", "_buffers"):
            for name, value in _items(each, part):
                if isinstance(value, Tensor):
                    found[f"{before}{name}"] = value
        children = [
            (f"{before}{name}.", child)
            for name, child in _items(each, "_modules")
            if isinstance(child, Instance)
        ]
        waiting += reversed(children)
    return found or None


def _items(module: Instance, part: str) -> list[tuple[str, Any]]:
    held = module.attributes.get(part)
    pairs = held.items() if isinstance(held, Mapping) else ()
    return [(name, value) for name, value in pairs if isinstance(name, str)]


def _told(root: Any) -> str:
    """What a value is, in a few words."""
    if isinstance(root, Mapping):
        keys = [key for key in root if isinstance(key, str) and re.fullmatch(r"[\w.]{1,40}", key)]
        return f"a dictionary with {', '.join(keys[:5]) or 'nothing known'}"
    return f"one {type(root).__name__.lower()}"
