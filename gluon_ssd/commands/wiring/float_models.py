"""Options -> the float32 model that is to be quantised, in files that a quantiser reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from gluon_ssd.commands.wiring.models import export_network_as, trained_network
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.sources.catalog import SOURCES
from gluon_ssd.deploy.mxnet.files import Exported, read_exported, write_exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.deploy.told import Told
from gluon_ssd.errors import OptionError
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.exported_record import check_exported
from gluon_ssd.system.scratch import scratch_folder

Facts = TypeVar("Facts", bound=DetectorFacts)

_ONNX = ".onnx"
_OTHERS = (_ONNX, ".xml")


@contextmanager
def float_model(
    command: EvalCommand,
    reads: Sequence[str],
    prepare: Callable[[str, tuple[int, int] | None], Facts],
) -> Iterator[Facts]:
    """The float32 model: files as they are, or a network that is exported for it.

    Args:
        command: the options.
        reads: endings of the files that the quantiser reads, ".onnx" among them; none for the
            exported pair of MXNet. A pair, or a network, becomes an .onnx file where it must.
        prepare: makes a detector of a file, or prefix, and the size of images that was asked for.

    Raises:
        OptionError: the files are for another runtime.
        SsdError: one line about what cannot be used.
    """
    asked = command.model.input_size_hw
    prefix = command.deploy.model_prefix or ""
    file = _file_of(prefix, reads) if command.deploy.deploy else ""
    with scratch_folder() as folder:
        if not file:
            file = _exported(command, str(folder), reads)
        elif not reads:
            file = _with_record(command, file, str(folder))
        model = prepare(file, asked)
        model.check_input(prefix or file)
        if command.deploy.deploy:
            check_exported(
                prefix,
                model.record,
                network=command.model.network,
                own_hw=model.input_size_hw,
                asked_hw=_asked_hw(command),
            )
        yield model


def _asked_hw(command: EvalCommand) -> tuple[int, int] | None:
    """The size that was asked for, px."""
    return command.model.input_size_hw if command.model.data_shape is not None else None


def _pair(command: EvalCommand, prefix: str) -> Exported:
    told = Told(command.runtime.told, command.model.input_size_hw)
    return read_pair(prefix, told=told, input_size_hw=_asked_hw(command))


def _with_record(command: EvalCommand, prefix: str, folder: str) -> str:
    """The prefix, or that of a pair made of a symbol of SageMaker or example/ssd.

    Quantisers read it in several processes, and what is told of it then stands in its record.
    """
    if read_exported(prefix).multibox is None:
        return prefix
    exported = _pair(command, prefix)
    target = str(Path(folder) / Path(exported.name).name)
    write_exported(exported, target)
    return target


def _file_of(prefix: str, reads: Sequence[str]) -> str:
    """The file that a path means; a pair of MXNet by its prefix; "" for a pair to be converted."""
    if not reads:
        if prefix.endswith(_OTHERS):
            raise OptionError(
                f"MXNet quantises exported pairs of its own; got {prefix}, which is for another "
                "runtime: take the pair it was made from, or another [model] framework"
            )
        return prefix
    if prefix.endswith(tuple(reads)):
        return prefix
    if prefix.endswith(_OTHERS):
        raise OptionError(
            f"what is quantised for this runtime ends in {' or '.join(reads)}, or is an exported "
            f"pair of MXNet; got {prefix}"
        )
    found = [prefix + ending for ending in reads if Path(prefix + ending).is_file()]
    return "" if Path(f"{prefix}-symbol.json").is_file() or not found else found[0]


def _exported(command: EvalCommand, folder: str, reads: Sequence[str]) -> str:
    """Export a network, or turn a pair into an .onnx file; returns the new file or prefix."""
    prefix = command.deploy.model_prefix or ""
    if not command.deploy.deploy:
        network = trained_network(
            command.network,
            command.eval.pretrained,
            classes_file=command.data.classes,
            options=command.model,
        )
        prefix = str(Path(folder) / network.name)
        export_network_as(
            network,
            prefix,
            decoding=command.decoding,
            input_size_hw=command.model.input_size_hw,
            fused=False,
        )
    if not reads:
        return prefix
    from gluon_ssd.deploy.onnx.export import write_onnx

    exported = _pair(command, prefix)
    size = exported.input_size_hw(command.model.input_size_hw)
    parts = detector_parts(exported, input_size_hw=size, classes=_class_names(command))
    path = Path(folder) / f"{Path(exported.name).name}{_ONNX}"
    write_onnx(parts, path)
    return str(path)


def _class_names(command: EvalCommand) -> Sequence[str]:
    """Names for a pair that carries none: those of --classes, or else of the data set."""
    if command.data.classes:
        return read_classes_file(command.data.classes)
    return SOURCES[command.data.dataset].classes or ()
