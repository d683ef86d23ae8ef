"""Write the detector of MXNet files for another program, proved on pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gluon_ssd.deploy.mxnet.read import read_detector
from gluon_ssd.deploy.mxnet.refold import write_folded
from gluon_ssd.deploy.other_formats import SUFFIXES, Target, write_proven
from gluon_ssd.deploy.proof import Proof
from gluon_ssd.deploy.told import NOTHING, Told
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.inference.proof_images import Pixels, made_up_pictures, proof_batches


@dataclass(frozen=True)
class Source:
    """A detector of MXNet.

    Attributes:
        path: as of `read_detector`.
        input_format: how pictures become its input.
        classes: their names, where the files do not say them.
        told: what the user says of files that do not say it.
    """

    path: str
    input_format: InputFormat
    classes: Sequence[str]
    told: Told = NOTHING


def export_files(
    source: Source,
    path: str,
    pictures: Iterable[Pixels],
    *,
    form: str,
    batch_size: int,
    folds_preprocessing: bool,
) -> Proof:
    """Write it in the format that the path's ending says: .onnx, .xml, or else an MXNet pair.

    Args:
        source: what to write.
        path: of the new file, or what the names of the pair start with.
        pictures: uint8 (H, W, 3), RGB, to prove it on; without any some are made up.
        form, folds_preprocessing: of ONNX, as of `write_onnx`.
        batch_size: images a call; 0 lets it vary.

    Raises:
        OptionError: the format does not know an option.
        ModelError: the detector is none of MXNet, has no such form, or the new files compute
            something else; nothing is written then.
        EnvironmentProblem: the files cannot be written, or the format's package is not installed.
    """
    if source.path.endswith(tuple(SUFFIXES.values())):
        raise ModelError(
            f"{source.path} is exported already; load the MXNet files that it was made from"
        )
    suffix = next((end for end in SUFFIXES.values() if path.endswith(end)), "")
    if suffix != SUFFIXES["onnx"] and (form != "raw" or folds_preprocessing):
        raise OptionError(f"only .onnx files have forms and take pictures as they are; got {path}")
    if not suffix and batch_size:
        raise OptionError("an MXNet pair takes any number of images a call")
    size_hw, names = source.input_format.size_hw, tuple(source.classes)
    exported = read_detector(source.path, told=source.told, input_size_hw=size_hw)
    record = exported.record
    if record is not None and names and not record.has_names:
        exported = replace(exported, record=replace(record, classes=names, has_names=True))
    classes = names if record is None else ()
    batches = proof_batches([*pictures] or made_up_pictures(), source.input_format)
    if not suffix:
        return write_folded(exported, path, batches, input_size_hw=size_hw, classes=classes)
    target = Target(
        next(name for name, end in SUFFIXES.items() if end == suffix),
        path,
        form=form,
        batch=batch_size or None,
        folds_preprocessing=folds_preprocessing,
    )
    _, proof = write_proven(exported, target, batches, input_size_hw=size_hw, classes=classes)
    return proof
