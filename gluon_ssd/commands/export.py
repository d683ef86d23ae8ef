"""Options -> an exported model."""

from __future__ import annotations

from gluon_ssd.commands.wiring.models import export_network_as, trained_network
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.suppression import with_suppression


def export_network(command: ExportCommand) -> str:
    """Write the static symbol and its parameters; returns the line to print.

    Raises:
        WeightsError: the weights cannot be had, or the files read back do not agree.
    """
    options = command.export
    network = trained_network(
        command.network, options.pretrained, classes_file=options.classes, options=command.model
    )
    export_network_as(
        network,
        options.output,
        decoding=with_suppression(network.spec.decoding, options),
        input_size_hw=command.model.input_size_hw,
        fused=not options.no_fuse,
    )
    return (
        f"wrote {options.output}-symbol.json and {options.output}-0000.params "
        f"({network.name}, {len(network.classes)} classes); read back and compared"
    )
