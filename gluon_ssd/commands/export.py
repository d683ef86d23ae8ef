"""Options -> an exported model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gluon_ssd.commands.wiring.models import export_network_as, trained_network
from gluon_ssd.commands.wiring.proof_images import proof_images
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.deploy.mxnet.export import trace_detector
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.deploy.mxnet.refold import write_folded
from gluon_ssd.deploy.other_formats import Target, write_proven
from gluon_ssd.deploy.told import Told
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.inference.found import class_names
from gluon_ssd.models.detector import Detector
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.exported_record import check_exported
from gluon_ssd.options.shared import told_preprocessing
from gluon_ssd.options.suppression import with_suppression
from gluon_ssd.system.run_lock import locked


def export_network(command: ExportCommand) -> str:
    """Write the model in its format; returns the line to print.

    Raises:
        WeightsError: the weights cannot be had, or the files read back do not agree.
        ModelError: the model has no such form, or the file computes something else than MXNet.
        DataError: the images to compare on cannot be read.
        EnvironmentProblem: the files cannot be written, or the package of the format is missing.
        OptionError: another process is writing them.
    """
    with locked(command.output, settings=("output",)):
        return _export(command)


def _export(command: ExportCommand) -> str:
    options = command.export
    if options.format == "mxnet" and not options.model_prefix:
        return _export_as_symbol(command)
    exported = _source(command)
    input_size_hw = exported.input_size_hw(command.model.input_size_hw)
    names = _class_names(command, exported)
    images = _images(command, exported, input_size_hw)
    if options.format == "mxnet":
        proof = write_folded(
            exported, command.output, images, input_size_hw=input_size_hw, classes=names
        )
        files = f"{command.output}-symbol.json and {command.output}-0000.params"
        return f"wrote {files} ({_named(exported.name)}, folded); {proof}"
    target = Target(
        options.format,
        command.output,
        form=options.form,
        batch=options.batch_size or None,
        opset=options.opset,
        folds_preprocessing=options.fold_preprocessing,
    )
    parts, proof = write_proven(
        exported, target, images, input_size_hw=input_size_hw, classes=names
    )
    what = f"{parts.record.name}, {parts.num_classes} classes, {target.form} form"
    return f"wrote {command.output} ({what}); {proof}"


def _export_as_symbol(command: ExportCommand) -> str:
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


def _source(command: ExportCommand) -> Exported:
    """The exported model, or the network as a graph."""
    options = command.export
    if options.model_prefix:
        asked = command.model.data_shape
        told = told_preprocessing(options.preprocessing, options.mean_rgb)
        exported = read_pair(
            options.model_prefix,
            told=Told(told, command.model.input_size_hw),
            input_size_hw=(asked, asked) if asked else None,
        )
        check_exported(
            options.model_prefix,
            exported.record,
            network=command.model.network,
            own_hw=exported.record.input_size_hw if exported.record else None,
            asked_hw=(asked, asked) if asked else None,
        )
        return _with_names(exported, options.classes)
    network = trained_network(
        command.network, options.pretrained, classes_file=options.classes, options=command.model
    )
    decoding = with_suppression(network.spec.decoding, options)
    record = network.record(input_size_hw=command.model.input_size_hw, decoding=decoding)
    return trace_detector(Detector(network, decoding), record)


def _with_names(exported: Exported, classes_file: str) -> Exported:
    """The model with the names of a file, where it carries some and a file is given."""
    record = exported.record
    if record is None or not classes_file:
        return exported
    names = class_names(record.classes, read_classes_file(classes_file), len(record.classes))
    return replace(exported, record=replace(record, classes=names, has_names=True))


def _class_names(command: ExportCommand, exported: Exported) -> tuple[str, ...]:
    """Names for a model that carries none."""
    if exported.record is not None or not command.export.classes:
        return ()
    return tuple(read_classes_file(command.export.classes))


def _images(
    command: ExportCommand, exported: Exported, input_size_hw: tuple[int, int]
) -> Iterator[np.ndarray]:
    record = exported.record
    input_format = record.input_format if record else InputFormat(input_size_hw)
    return proof_images(command.export.check_images, input_format)


def _named(name: str) -> str:
    return name.rpartition("/")[2]
