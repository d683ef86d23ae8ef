"""config_ssd.ini and a detector -> what the search may do with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gluon_ssd.deploy.tuning.backend import OperatorNames
from gluon_ssd.deploy.tuning.trial import SearchSettings
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import suggestion
from gluon_ssd.options.tuning import TuningConfig
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.system.wording import some_of


def search_settings(
    config: TuningConfig, names: OperatorNames, path: str, *, also_in_float: Sequence[str] = ()
) -> SearchSettings:
    """Translate the sections of the configuration, read from `path`, for one detector.

    `names` are the layers and operators that the configuration may name; `also_in_float` are
    further operators that stay in float32.

    Raises:
        OptionError: naming file, section and key of a layer or operator that does not exist, or
            of what this CPU cannot do.
    """
    if config.quantization.bf16 and not has_bfloat16(cpu_flags()):
        raise OptionError(
            f"{path}: [quantization] bf16 = true: this CPU computes no bfloat16 (neither "
            "avx512_bf16 nor amx_bf16 is among its flags); set it to false"
        )
    return SearchSettings(
        strategy=config.strategy.name,
        sampling_sizes=config.calibration.sizes,
        algorithms=config.calibration.algorithm_list,
        per_channel=config.quantization.granularity == "per_channel",
        fp32_nodes=tuple(
            dict.fromkeys([*_operators_in_float(config, names, path), *also_in_float])
        ),
        bf16=config.quantization.bf16,
        criterion=config.accuracy.criterion,
        tolerable_loss=config.accuracy.tolerable_loss,
        timeout_s=config.exit.timeout,
        max_trials=config.exit.max_trials,
        go_on=config.exit.go_on_after_first_pass,
        objective=config.strategy.objective,
        seed=config.strategy.random_seed,
    )


def named_in_float(
    patterns: Sequence[str], names: OperatorNames
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The operators that regular expressions match, and the expressions that match none."""
    known = {*names.of_layers.values(), *(n for found in names.of_types.values() for n in found)}
    matches = {
        pattern: [name for name in sorted(known) if re.fullmatch(pattern, name)]
        for pattern in patterns
    }
    found = dict.fromkeys(name for each in matches.values() for name in each)
    return tuple(found), tuple(pattern for pattern, each in matches.items() if not each)


def _operators_in_float(config: TuningConfig, names: OperatorNames, path: str) -> tuple[str, ...]:
    """The operators that the two lists of the configuration name, each once."""
    known = {**names.of_layers, **{name: name for name in names.of_layers.values()}}
    of_types = {kind.lower(): found for kind, found in names.of_types.items()}
    operators: list[str] = []
    for name in config.quantization.layers:
        if name not in known:
            raise OptionError(
                f"{path}: [quantization] fp32_layers: there is no layer {name}"
                f"{suggestion(name, list(known))}; layers are {some_of(names.of_layers, most=12)}"
            )
        operators.append(known[name])
    for kind in config.quantization.operators:
        if kind.lower() not in of_types:
            types = list(names.of_types)
            raise OptionError(
                f"{path}: [quantization] fp32_operators: the network has no operator {kind}"
                f"{suggestion(kind, types)}; it has {', '.join(types)}"
            )
        operators += of_types[kind.lower()]
    return tuple(dict.fromkeys(operators))
