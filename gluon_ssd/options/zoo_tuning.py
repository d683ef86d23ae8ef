"""Reads tuning configurations: config_ssd.ini, and the ssd.yaml of the ONNX model zoo.

The YAML file is one of Intel Neural Compressor 1.x. What config_ssd.ini can say too is taken:

| key of the YAML file | section and key of the ini file |
|---|---|
| model.framework | [model] framework |
| quantization.calibration.sampling_size | [calibration] sampling_sizes |
| quantization.model_wise.activation.algorithm | [calibration] algorithms |
| quantization.model_wise.weight.granularity | [quantization] granularity |
| quantization.op_wise, names kept in fp32 | [quantization] fp32_layers |
| tuning.accuracy_criterion.relative, absolute | [accuracy] criterion, tolerable_loss |
| tuning.exit_policy.timeout, max_trials | [exit] timeout, max_trials |
| tuning.strategy.name, tuning.objective | [strategy] name, objective |
| tuning.random_seed, tuning.workspace.path | [strategy] random_seed, workspace |

Everything else is named as not used. A timeout above 0 means there to go on after the first success
until it is over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import Flag, assemble, flags_of
from gluon_ssd.options.tuning import TuningConfig, load_tuning_config
from gluon_ssd.system.wording import quoted
from gluon_ssd.system.yaml_text import is_yaml, read_yaml_file

_FRAMEWORKS = {
    "mxnet": "mxnet",
    "onnxrt_qlinear": "onnxrt_qlinear",
    "onnxrt_qlinearops": "onnxrt_qlinear",
    "onnxrt_qdq": "onnxrt_qdq",
    "onnxrt_qdqops": "onnxrt_qdq",
}
_STATIC = "post_training_static_quant"
_SAMPLES = 100
"""Calibration images of the library, where the file names no number."""
_IN_FLOAT = ["fp32"]


@dataclass(frozen=True)
class LoadedTuning:
    """A configuration as it was read.

    Attributes:
        config: what both kinds of files can say.
        float_patterns: regular expressions; operators with such names stay in float32.
        unused: what the file says beside that, a line each.
    """

    config: TuningConfig
    float_patterns: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def load_tuning(path: str) -> LoadedTuning:
    """Read and check a tuning configuration, an ini file or, by its ending, a YAML file.

    Raises:
        OptionError: naming the file and what is wrong with it.
    """
    if not is_yaml(path):
        return LoadedTuning(load_tuning_config(path))
    found = _checked(read_yaml_file(path, "options in", error=OptionError), path)
    try:
        return _loaded(found)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _checked(found: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
        raise OptionError(f"{path}: no tuning configuration: it has no part `model`")
    return found


class _Values:
    """Takes values out of nested mappings, and knows what was not taken."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._left = dict(_leaves(found, ""))

    def take(self, key: str) -> Any:
        """The value of a dotted key, or None."""
        return self._left.pop(key, None)

    def unused(self) -> tuple[str, ...]:
        """What was not taken, by its first two parts."""
        return tuple(dict.fromkeys(".".join(name.split(".")[:2]) for name in self._left))


def _leaves(found: Mapping[str, Any], start: str) -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        # A name with a dot in it is one part; op_wise is taken apart by its own rule.
        if isinstance(value, dict) and value and f"{start}{key}" != "quantization.op_wise":
            yield from _leaves(value, f"{start}{key}.")
        elif value is not None:
            yield f"{start}{key}", value


def _loaded(found: Mapping[str, Any]) -> LoadedTuning:
    values = _Values(found)
    for idle in ("version", "model.name"):
        values.take(idle)
    approach = values.take("quantization.approach") or _STATIC
    if approach != _STATIC:
        raise OptionError(f"quantization.approach must be {_STATIC}; got {quoted(str(approach))}")
    patterns, other = _in_float(values.take("quantization.op_wise") or {})
    flags = {flag.name: flag for flag in flags_of(TuningConfig)}
    config = assemble(TuningConfig, dict(_options(values, flags)))
    return LoadedTuning(config, patterns, (*other, *values.unused()))


def _options(values: _Values, flags: Mapping[str, Flag]) -> Iterator[tuple[str, Any]]:
    """Name and value of each option that the file sets."""
    yield "framework", _framework(values.take("model.framework"))
    samples = values.take("quantization.calibration.sampling_size")
    yield "sampling_sizes", _words(_SAMPLES if samples is None else samples)
    for name, key in _SAME.items():
        value = values.take(key)
        if value is not None:
            text = _words(value)
            yield name, flags[name].parse(text, key)
            if name == "timeout":
                yield "go_on_after_first_pass", int(text) > 0
    yield from _criterion(values)


_SAME = {
    "algorithms": "quantization.model_wise.activation.algorithm",
    "granularity": "quantization.model_wise.weight.granularity",
    "timeout": "tuning.exit_policy.timeout",
    "max_trials": "tuning.exit_policy.max_trials",
    "name": "tuning.strategy.name",
    "objective": "tuning.objective",
    "random_seed": "tuning.random_seed",
    "workspace": "tuning.workspace.path",
}
"""Options whose values are the same there."""


def _framework(word: Any) -> str:
    if not isinstance(word, str) or word not in _FRAMEWORKS:
        got = quoted(str(word))
        raise OptionError(f"model.framework must be one of {', '.join(_FRAMEWORKS)}; got {got}")
    return _FRAMEWORKS[word]


def _criterion(values: _Values) -> Iterator[tuple[str, Any]]:
    for kind in ("relative", "absolute"):
        loss = values.take(f"tuning.accuracy_criterion.{kind}")
        if loss is None:
            continue
        if not isinstance(loss, int | float) or not 0 <= loss < 1:
            raise OptionError(
                f"tuning.accuracy_criterion.{kind} must be a fraction from 0 to below 1; got "
                f"{quoted(str(loss))}"
            )
        yield "criterion", kind
        yield "tolerable_loss", float(loss)
        return


def _in_float(op_wise: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that op_wise keeps in float32, and lines about the others."""
    if not isinstance(op_wise, dict):
        raise OptionError("quantization.op_wise must hold names of operators")
    kept, other = [], []
    for name, parts in op_wise.items():
        activation = parts.get("activation") if isinstance(parts, dict) else None
        dtypes = activation.get("dtype") if isinstance(activation, dict) else None
        if dtypes == _IN_FLOAT:
            kept.append(_checked_pattern(str(name)))
        else:
            other.append(f"quantization.op_wise {name}, which asks for other than fp32")
    return tuple(kept), tuple(other)


def _checked_pattern(name: str) -> str:
    try:
        re.compile(name)
    except (re.error, RecursionError, OverflowError) as error:
        raise OptionError(
            f"quantization.op_wise {quoted(name)} is no regular expression: {error}"
        ) from error
    return name


def _words(value: Any) -> str:
    """A value, or a list of them with commas between, as an ini file holds it."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
