"""Options -> the plain values of a training run."""

from __future__ import annotations

from gluon_ssd.commands.wiring.resumed import NORMALIZATION
from gluon_ssd.models.interface import Network
from gluon_ssd.options.declare import as_namespace, flat_values
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.plan import Plan


def learning_plan(
    command: TrainCommand,
    network: Network,
    epochs: int,
    *,
    limit_steps: int = 0,
    is_cut: bool = False,
) -> Plan:
    """The plain values of a run of so many epochs."""
    optimizer, train = command.optimizer, command.train
    own = network.own_normalization
    return Plan(
        prefix=command.prefix,
        epochs=epochs,
        limit_steps=limit_steps,
        is_cut=is_cut,
        schedule=Schedule(
            base=optimizer.base_rate,
            decay=optimizer.lr_decay,
            decay_epochs=optimizer.decay_epochs,
            kind=optimizer.schedule,
            warmup_epochs=optimizer.warmup_epochs,
            warmup_steps=optimizer.warmup_iters,
            warmup_factor=optimizer.warmup_factor,
            starts_at_factor=optimizer.warmup_rule == "start",
        ),
        rule=optimizer.update_rule,
        momentum=optimizer.momentum,
        wd=optimizer.wd,
        no_wd_on_bias_bn=optimizer.no_wd_on_bias_bn,
        clip_gradient_norm=optimizer.clip_gradient or None,
        start_epoch=train.start_epoch,
        resume=train.resume,
        log_interval=train.log_interval,
        save_interval=train.save_interval,
        val_interval=command.val_interval,
        val_epochs=train.validated_epochs,
        target_score=train.target_map,
        patience=command.small.patience,
        average_decay=command.small.average_weights,
        checkpoint_interval_s=60 * train.checkpoint_minutes,
        accumulate=optimizer.accumulate,
        seed=train.seed,
        options=flat_values(command),
        network={
            "name": network.name,
            "classes": list(network.classes),
            "data_shape": command.model.side,
            "anchors": network.num_anchors(command.model.input_size_hw),
            **({} if own is None else {NORMALIZATION: own}),
        },
        first_lines=(str(as_namespace(command)), *command.recipe_lines),
    )
