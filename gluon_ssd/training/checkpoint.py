"""One file that holds a whole training run: arrays and JSON in an .npz, never a pickle.

| key | content |
|---|---|
| weights/NAME | every parameter, constant and batch statistic by structural name, first device |
| device1/NAME ... | the batch statistics of further devices, where they differ |
| average/NAME | the moving average of a weight or batch statistic; see `WeightAverage` |
| momentum/NAME | optimiser state; the slots of `training.update_rules` |
| random/numpy | state vector of NumPy's global generator |
| facts | the JSON text of everything else, as uint8 |
"""

from __future__ import annotations

import json
import os
import random
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.state_dict import is_torch_file
from gluon_ssd.system.files import atomic_write, is_zip
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.wording import some_of
from gluon_ssd.training.checkpoint_facts import WrongFacts, check_facts, is_count
from gluon_ssd.training.optimizer import Optimizer, named_parameters
from gluon_ssd.training.saved_network import MOST_FACTS
from gluon_ssd.training.stored_arrays import DamagedArrays, read_stored_arrays
from gluon_ssd.training.update_rules import RULES
from gluon_ssd.training.weight_average import GROUP as AVERAGES
from gluon_ssd.training.weight_average import WeightAverage

_FORMAT = 1
_ADVICE = "resume from another checkpoint or from a .params file"
_SLOTS = sorted({slot for rule in RULES.values() for slot in rule.slots})
_GROUPS = re.compile(rf"(weights|device[1-9]\d{{0,2}}|{AVERAGES}|{'|'.join(_SLOTS)})/")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read from a file.

    Attributes:
        path: where it came from, for messages.
        arrays: everything but the facts, by key; they cannot be written to.
        facts: "epoch", "batch" (next one), "step", "num_updates", "best_score", "best_epoch",
            "meter", "options", "network", "amp", "average" (None: without), "random_python",
            "random_numpy".
    """

    path: str
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]

    def group(self, name: str) -> dict[str, np.ndarray]:
        """Arrays under ``name/``, without that prefix."""
        start = name + "/"
        return {k[len(start) :]: a for k, a in self.arrays.items() if k.startswith(start)}

    def states(self) -> dict[str, np.ndarray]:
        """The optimiser's state: every array "SLOT/NAME" of a slot of `update_rules.RULES`."""
        return {k: a for k, a in self.arrays.items() if k.partition("/")[0] in _SLOTS}


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a file is, or by its name was meant to be, a checkpoint rather than weights.

    Raises WeightsError when the file cannot be read.
    """
    try:
        if is_torch_file(path):
            return False
        return is_zip(path) or Path(path).suffix == ".npz"
    except OSError as error:
        raise WeightsError(
            f"cannot read {os.fspath(path)} to resume from: {error.strerror}; "
            "give a checkpoint (.npz), or weights (.params, .pt)"
        ) from error


def network_arrays(network: Any) -> dict[str, np.ndarray]:
    """Every parameter of a network by checkpoint key, batch statistics of each device included."""
    arrays = {}
    for name, parameter in named_parameters(network).items():
        copies = [copy.asnumpy() for copy in parameter.list_data()]
        arrays[f"weights/{name}"] = copies[0]
        for device, copy in enumerate(copies[1:], start=1):
            if not np.array_equal(copy, copies[0], equal_nan=True):
                arrays[f"device{device}/{name}"] = copy
    return arrays


def first_non_finite(arrays: Mapping[str, np.ndarray]) -> str | None:
    """Key of the first array that holds a NaN or an infinity, if any."""
    floats = ((key, array) for key, array in arrays.items() if array.dtype.kind == "f")
    return next((key for key, array in floats if not np.isfinite(array).all()), None)


def run_arrays(
    network: Any, optimizer: Optimizer, average: WeightAverage | None = None
) -> dict[str, np.ndarray]:
    """Weights, statistics, their averages and the optimiser's state by checkpoint key."""
    averages = {} if average is None else average.arrays()
    return {**network_arrays(network), **averages, **optimizer.state_arrays()}


def save_checkpoint(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]
) -> None:
    """Write a checkpoint; an earlier one at `path` survives whatever goes wrong.

    Args:
        path: usually ends in ``.npz``.
        arrays: from `run_arrays`; the caller has checked that they are finite.
        facts: JSON values; the random states of Python and NumPy are added here.

    Raises:
        EnvironmentProblem: no permission, or the disk is full.
    """
    name, keys, position, has_gauss, gauss = np.random.get_state()
    text = json.dumps(
        {
            **facts,
            "format": _FORMAT,
            "random_python": random.getstate(),
            "random_numpy": [name, position, has_gauss, gauss],
        }
    )
    extra: dict[str, Any] = {"random/numpy": keys, "facts": np.frombuffer(text.encode(), np.uint8)}
    # numpy.savez would leave its zip open when the disk is full, and that complains on stderr.
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for key, array in {**arrays, **extra}.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a whole checkpoint, and check all of it that does not depend on the run.

    Raises:
        WeightsError: the file is missing, damaged, or of a newer format; or a fact is missing or
            out of its range.
    """
    name = os.fspath(path)
    try:
        arrays = read_stored_arrays(path)
        facts = _facts(arrays.pop("facts", None), name)
        check_facts(facts, arrays.get("random/numpy"))
        _check_groups(arrays, has_averages=facts.get("average") is not None)
    except FileNotFoundError as error:
        raise WeightsError(f"there is no checkpoint {name}") from error
    except OSError as error:
        raise WeightsError(f"cannot read {name}: {error.strerror or error}; {_ADVICE}") from error
    except (DamagedArrays, WrongFacts) as error:
        raise WeightsError(
            f"{name} is damaged or no checkpoint of this program ({error}); {_ADVICE}"
        ) from error
    return Checkpoint(name, arrays, facts)


def _facts(stored: np.ndarray | None, name: str) -> Any:
    """The facts of the known format. Raises WrongFacts; WeightsError of another format."""
    if stored is None or stored.dtype != np.uint8 or stored.ndim != 1 or len(stored) > MOST_FACTS:
        raise WrongFacts("it has no facts of a run")
    facts = parse_json(stored.tobytes(), name, error=WeightsError, advice=_ADVICE)
    if not isinstance(facts, dict) or not is_count(facts.get("format")):
        raise WrongFacts("its facts do not say their format")
    if facts["format"] != _FORMAT:
        raise WeightsError(
            f"{name} has checkpoint format {facts['format']}, this version reads {_FORMAT}; "
            "use the version that wrote it"
        )
    return facts


def _check_groups(arrays: Mapping[str, np.ndarray], *, has_averages: bool) -> None:
    """Raise WrongFacts for an array that no version writes, and for averages without facts."""
    unknown = [key for key in arrays if not _GROUPS.match(key) and key != "random/numpy"]
    if unknown:
        raise WrongFacts(f"it has arrays that are not known: {some_of(unknown)}")
    if any(key.startswith(f"{AVERAGES}/") for key in arrays) != has_averages:
        has, lacks = ("facts", "arrays") if has_averages else ("arrays", "facts")
        raise WrongFacts(f"it has {has} of averages of the weights and no {lacks} of them")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _check_network(checkpoint: Checkpoint, network: Any, facts: Mapping[str, Any]) -> None:
    """Raise WeightsError unless all arrays but the optimiser's state are those of a network."""
    saved = checkpoint.facts["network"]
    wanted = plain_json(facts)
    differing = [key for key in {**saved, **wanted} if saved.get(key) != wanted.get(key)]
    if differing:
        pairs = ", ".join(
            f"{key} is {_short(saved.get(key))} there and {_short(wanted.get(key))} here"
            for key in differing
        )
        raise WeightsError(
            f"{checkpoint.path} belongs to another network: {pairs}; resume with the same one",
            settings=("network", "data_shape", "dataset"),
        )
    shapes = {name: tuple(p.shape) for name, p in named_parameters(network).items()}
    found = {name: array.shape for name, array in checkpoint.group("weights").items()}
    wrong = [
        f"{name} {found.get(name, 'missing')} there, {shapes.get(name, 'missing')} here"
        for name in sorted({**shapes, **found})
        if shapes.get(name) != found.get(name)
    ]
    if wrong:
        shown = some_of(wrong, most=5, separator="; ")
        raise WeightsError(f"{checkpoint.path} does not fit this network: {shown}")
    _check_copies(checkpoint, network, shapes)
    broken = first_non_finite(checkpoint.arrays)
    if broken:
        raise WeightsError(f"{checkpoint.path} cannot be used: {broken} is not finite; {_ADVICE}")


def _check_copies(
    checkpoint: Checkpoint, network: Any, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise WeightsError for an array of another type, or a copy of a further device or an average
    that differs in shape or is none of the network."""
    types = {name: np.dtype(p.dtype) for name, p in named_parameters(network).items()}
    for key, array in checkpoint.arrays.items():
        group, _, name = key.partition("/")
        if not group.startswith(("weights", "device", AVERAGES)):
            continue
        if shapes.get(name) != array.shape or types[name] != array.dtype:
            own = f"{types[name]} {shapes[name]}" if name in types else "none"
            raise WeightsError(
                f"{checkpoint.path} does not fit this network: {key} is {array.dtype} "
                f"{array.shape} there, {own} here"
            )


def plain_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they come back from JSON: tuples as lists, anything else unknown as text."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain


def changed_options(checkpoint: Checkpoint, options: Mapping[str, Any]) -> list[str]:
    """One sentence per option that differs from the saved one; none that only one side knows.

    "resume" itself differs in every resumed run and is left out.
    """
    saved = checkpoint.facts["options"]
    return [
        f"{name} was {_short(saved[name])} in the checkpoint and is {_short(value)} now"
        for name, value in plain_json(options).items()
        if name in saved and saved[name] != value and name != "resume"
    ]


def restore_weights(checkpoint: Checkpoint, network: Any, network_facts: Mapping[str, Any]) -> None:
    """Put the weights into a network that a validation scores: the averages, where there are any.

    For whoever does not train on; `restore` is for training.

    Raises:
        WeightsError: the checkpoint is of another network; nothing was changed.
    """
    _check_network(checkpoint, network, network_facts)
    _put_weights(checkpoint, network)
    parameters = named_parameters(network)
    for name, array in checkpoint.group(AVERAGES).items():
        parameters[name].set_data(mx.nd.array(array, dtype=array.dtype))


def _put_weights(checkpoint: Checkpoint, network: Any) -> None:
    parameters = named_parameters(network)
    for name, array in checkpoint.group("weights").items():
        parameters[name].set_data(mx.nd.array(array, dtype=array.dtype))
        for device, copy in enumerate(parameters[name].list_data()[1:], start=1):
            own = checkpoint.arrays.get(f"device{device}/{name}")
            if own is not None:
                copy[:] = own


def _check_average(checkpoint: Checkpoint, average: WeightAverage | None) -> None:
    """Raise WeightsError unless a run can go on with the averages of a checkpoint."""
    saved = checkpoint.facts.get("average")
    if saved is None:
        return
    if average is None:
        raise WeightsError(
            f"it holds averages of the weights, decay {saved['decay']:g}, "
            "and this run has none; resume with that decay, or start anew from the weights "
            "(.params)",
            settings=("average_weights",),
        )
    average.check(checkpoint.group(AVERAGES))


def restore(
    checkpoint: Checkpoint,
    network: Any,
    optimizer: Optimizer,
    network_facts: Mapping[str, Any],
    average: WeightAverage | None = None,
) -> None:
    """Put weights, statistics, averages, the optimiser's state, counters and random states back.

    Args:
        network_facts: what identifies the network (name, classes, input size, ...), as saved.
        average: of the run that goes on; it begins with the weights of a checkpoint without any.

    Raises:
        WeightsError: the checkpoint is of another network or optimiser, or has averages which the
            run has not; no weight was changed.
    """
    _check_network(checkpoint, network, network_facts)
    states, num_updates = checkpoint.states(), checkpoint.facts["num_updates"]
    had_momentum = checkpoint.facts["options"].get("momentum") != 0
    try:
        optimizer.check(states, num_updates, may_lack=not had_momentum)
        _check_average(checkpoint, average)
    except WeightsError as error:
        raise WeightsError(f"{checkpoint.path}: {error}", settings=error.settings) from error
    optimizer.restore(states, num_updates)
    _put_weights(checkpoint, network)
    if average is not None:
        saved = checkpoint.facts.get("average")
        if saved is None:
            average.restart()
        else:
            average.restore(checkpoint.group(AVERAGES), saved["steps"])
    version, state, gauss = checkpoint.facts["random_python"]
    random.setstate((version, tuple(state), gauss))
    name, position, has_gauss, numpy_gauss = checkpoint.facts["random_numpy"]
    np.random.set_state((name, checkpoint.arrays["random/numpy"], position, has_gauss, numpy_gauss))
