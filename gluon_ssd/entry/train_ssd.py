"""Train an SSD detector.

python train_ssd.py --network mobilenet1.0 --data-shape 512 --dataset voc
python train_ssd.py --recipe nvidia_ssd300 --dataset-root DIR --amp
horovodrun -np 2 --gloo python train_ssd.py --horovod --network mobilenet1.0 --data-shape 512
python train_ssd.py --network mobilenet0.25 --dataset custom --dataset-root DIR --resume FILE
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.modes import TRAINING
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.cpu import use_amx
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: train(argv), spellings(TrainCommand))


def train(argv: Sequence[str] | None) -> int:
    """Options, devices, data, network, epochs, summary."""
    command = parse(TrainCommand, argv, prog="train_ssd.py", description=__doc__ or "")
    if command.train.amp:
        use_amx()  # oneDNN asks for it when MXNet is loaded
    # Only now, so that --help and option errors need neither MXNet nor NumPy.
    from gluon_ssd.commands import train as training
    from gluon_ssd.commands.train_modes import run_mode
    from gluon_ssd.commands.wiring.data import training_data
    from gluon_ssd.commands.wiring.training_network import check_named_files, training_network
    from gluon_ssd.commands.wiring.watchers import open_watchers

    training.check_dali(command)
    team = training.start_team(command)
    with (
        training.messages_of_leader(team),
        training.outputs_locked(command, team),
        open_watchers(command, team) as watchers,
    ):
        if team.rank == 0:
            check_named_files(command)
        contexts = training.training_contexts(command, team)
        command = training.with_batch_of_all(command, contexts, team)
        precision = training.training_precision(command, contexts)
        data = training_data(command)
        network = training_network(command, data.classes, contexts, team)
        parts = (command, data, network, contexts, team, precision, watchers)
        if command.modes.mode == TRAINING:
            lines: Iterable[str] = [training.summary(training.run_training(*parts))]
        else:
            lines = run_mode(*parts)
        for line in lines:
            if team.rank == 0:
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
