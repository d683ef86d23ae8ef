"""config_ssd.ini and a detector -> what the search may do with it."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.int8.quantize import Prepared
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names, with_onednn
from gluon_ssd.deploy.tuning.graph_edits import nodes_of_operator, operators_of
from gluon_ssd.deploy.tuning.trial import SearchSettings
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import suggestion
from gluon_ssd.options.tuning import TuningConfig
from gluon_ssd.system.cpu import cpu_flags

_SHOWN = 12
_BF16_FLAG = "avx512_bf16"


def search_settings(config: TuningConfig, prepared: Prepared, path: str) -> SearchSettings:
    """Translate the sections of the configuration for one detector.

    Args:
        config: as read.
        prepared: the fp32 detector, whose layers the configuration may name.
        path: the configuration file, for messages.

    Raises:
        OptionError: naming file, section and key of a layer or operator that does not exist, or
            of what this CPU cannot do.
    """
    if config.quantization.bf16 and _BF16_FLAG not in cpu_flags():
        raise OptionError(
            f"{path}: [quantization] bf16 = true: this CPU computes no bfloat16 ({_BF16_FLAG} is "
            "not among its flags); set it to false"
        )
    fused = with_onednn(prepared.network, calibrated=True)
    return SearchSettings(
        strategy=config.strategy.name,
        sampling_sizes=config.calibration.sizes,
        algorithms=config.calibration.algorithm_list,
        per_channel=config.quantization.granularity == "per_channel",
        fp32_nodes=_nodes_in_float(config, fused, path),
        bf16=config.quantization.bf16,
        criterion=config.accuracy.criterion,
        tolerable_loss=config.accuracy.tolerable_loss,
        timeout_s=config.exit.timeout,
        max_trials=config.exit.max_trials,
        go_on=config.exit.go_on_after_first_pass,
        objective=config.strategy.objective,
        seed=config.strategy.random_seed,
    )


def _nodes_in_float(config: TuningConfig, fused: Graph, path: str) -> tuple[str, ...]:
    """The fused nodes that the two lists name, each once."""
    layers = layer_names(fused)
    known = {**layers, **{name: name for name in layers.values()}}
    nodes: list[str] = []
    for name in config.quantization.layers:
        if name not in known:
            raise OptionError(
                f"{path}: [quantization] fp32_layers: there is no layer {name}"
                f"{suggestion(name, list(known))}; layers are {_some(list(layers))}"
            )
        nodes.append(known[name])
    for operator in config.quantization.operators:
        found = nodes_of_operator(fused, operator)
        if not found:
            operators = operators_of(fused)
            raise OptionError(
                f"{path}: [quantization] fp32_operators: the network has no operator {operator}"
                f"{suggestion(operator, operators)}; it has {', '.join(operators)}"
            )
        nodes += found
    return tuple(dict.fromkeys(nodes))


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, and {len(names) - _SHOWN} more"
