"""Follow the pickle of a torch file without running it.

A pickle is a program for a machine with a stack, and Python's own machine imports and calls
whatever it names. This one knows values, containers and the few names of `allowed`; operations that
only other programs need are refused. What it makes is no larger than the pickle.

Source: the operations as the standard library's `pickletools` documents them.
"""

from __future__ import annotations

import pickletools
import struct
import warnings
from collections.abc import Callable, Iterable
from typing import IO, Any

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.allowed import (
    called,
    checked_key,
    instance,
    is_allowed,
    referenced,
)
from gluon_ssd.models.torch_file.notes import DamagedError, Instance, Storage, Unread, damaged

MOST_BYTES, MOST_OPERATIONS = 1 << 25, 1 << 20
"""Longest pickle that is followed; those of checkpoints with 1000 tensors take 0.1 MB and some
50,000 operations."""

_DAMAGE = (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error)


def read_pickle(stream: IO[bytes], source: str) -> tuple[Any, dict[str, Storage]]:
    """The value of the pickle that starts where `stream` stands, which is left behind its end.

    Args:
        stream: in memory, of at most `MOST_BYTES`; a read beyond its end must come back short.
        source: the file, for messages.

    Returns:
        Dictionaries, lists, tuples, numbers, texts, and the notes of `notes`; and every storage
        that they name, by its key.

    Raises:
        WeightsError: the pickle names something that is not allowed, or is damaged.
    """
    machine = _Machine(source)
    try:
        with warnings.catch_warnings():
            # What pickletools thinks of backslashes in the texts of a damaged file.
            warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
            for operation, argument, _ in pickletools.genops(stream):
                if operation.name == "STOP":
                    return machine.result(), machine.storages
                machine.step(operation.name, argument)
    except _DAMAGE as error:
        raise damaged(source, error if isinstance(error, DamagedError) else "") from error
    raise damaged(source)


def _shown(name: object) -> str:
    """A name of a file for a message: on one line, not too long."""
    return ascii(name)[1:-1][:80]


class _Machine:
    """A stack of values, the stacks below its marks, and the memo."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self._operations = self._copied = 0

    def result(self) -> Any:
        """The last value. Raises DamagedError when more than one is left."""
        if len(self._stack) != 1 or self._below:
            raise DamagedError("its pickle ends too early")
        return self._stack[0]

    def step(self, operation: str, argument: Any) -> None:
        """Do one operation. Raises WeightsError for those that are refused, else of `_DAMAGE`."""
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            raise DamagedError(f"its pickle has more than {MOST_OPERATIONS} operations")
        if operation in _VALUES:
            self._stack.append(_VALUES[operation](argument))
        elif operation in _STEPS:
            _STEPS[operation](self, argument)
        elif operation not in ("PROTO", "FRAME"):
            raise WeightsError(
                f"{self._source} is refused: its pickle has the operation {operation}, which no "
                "checkpoint needs; give a file that torch.save has written"
            )

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _marked(self) -> list[Any]:
        """What was put on the stack since the last mark."""
        found, self._stack = self._stack, self._below.pop()
        return found

    def _mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _put(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise DamagedError("its pickle takes more than there is")
        self._stack[len(self._stack) - count :] = [tuple(self._stack[-count:])]

    def _extend(self, values: Iterable[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise DamagedError("values are added to what is no list")
        target.extend(values)

    def _set(self, pairs: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Unread):  # a Counter, of which nothing is wanted
            return
        if not isinstance(target, dict) or len(pairs) % 2:
            raise DamagedError("keys are set in what is no dictionary")
        target.update(dictionary_of(pairs))

    def _global(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise DamagedError("its pickle names something by what is no text")
        dotted = f"{module}.{name}"
        if not is_allowed(dotted):
            raise WeightsError(
                f"{self._source} is refused: it asks for {_shown(dotted)}, which no weights need "
                "and which could run code; give a file that holds nothing but weights"
            )
        self._stack.append(Unread(dotted))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._global(module, name)

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Unread) or not isinstance(arguments, tuple):
            raise DamagedError("its pickle calls what is no function")
        # A list in the memo could be copied over and over; its entries took an operation each.
        self._copied += sum(len(a) for a in arguments if isinstance(a, list | tuple))
        if self._copied > self._operations:
            raise DamagedError("it copies values over and over")
        self._stack.append(called(function.name, arguments))

    def _new(self, _: Any) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        if not isinstance(kind, Unread) or not isinstance(arguments, tuple):
            raise DamagedError("its pickle makes an object of what is no class")
        self._stack.append(instance(kind.name))

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Instance) and isinstance(state, dict):
            target.attributes = state

    def _reference(self, _: Any) -> None:
        found = referenced(self._stack.pop())
        if isinstance(found, Storage) and self.storages.setdefault(found.key, found) != found:
            raise DamagedError("a storage is described in two ways")
        self._stack.append(found)


def dictionary_of(flat: list[Any]) -> dict[Any, Any]:
    """Keys and values in turn as a dictionary; DamagedError for keys that are not allowed."""
    return {checked_key(k): v for k, v in zip(flat[::2], flat[1::2], strict=True)}


def _as_it_is(argument: Any) -> Any:
    return argument


_VALUES: dict[str, Callable[[Any], Any]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_SET": lambda _: [],  # the hash of what is in a set is nothing to compute here
    "EMPTY_TUPLE": lambda _: (),
    **dict.fromkeys(
        [
            *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
            *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
            *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
        ],
        _as_it_is,
    ),
}

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": lambda self, _: self._stack.append(self._stack[-1]),
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._put,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "TUPLE": lambda self, _: self._push(tuple(self._marked())),
    "TUPLE1": lambda self, _: self._tuple_of(1),
    "TUPLE2": lambda self, _: self._tuple_of(2),
    "TUPLE3": lambda self, _: self._tuple_of(3),
    "FROZENSET": lambda self, _: self._push(tuple(self._marked())),
    "LIST": lambda self, _: self._push(self._marked()),
    "DICT": lambda self, _: self._push(dictionary_of(self._marked())),
    "APPEND": lambda self, _: self._extend([self._stack.pop()]),
    "APPENDS": lambda self, _: self._extend(self._marked()),
    "ADDITEMS": lambda self, _: self._extend(self._marked()),
    "SETITEM": lambda self, _: self._set([self._stack.pop(-2), self._stack.pop()]),
    "SETITEMS": lambda self, _: self._set(self._marked()),
    "GLOBAL": lambda self, pair: self._global(*pair.split(" ", 1)),
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._new,
    "BUILD": _Machine._build,
    "BINPERSID": _Machine._reference,
}
