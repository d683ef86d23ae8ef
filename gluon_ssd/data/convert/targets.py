"""The forms in which a data set can be written, and what each of them can hold.

To add a form, write a module beside this one that writes it, and give it a line in TARGETS, and one
in `options.convert_dataset.TARGETS`, which the command line offers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gluon_ssd.data.convert.coco import write_coco
from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.part import Part
from gluon_ssd.data.convert.recordio import write_recordio
from gluon_ssd.data.convert.voc import write_voc
from gluon_ssd.data.convert.yolo import write_yolo


@dataclass(frozen=True)
class Target:
    """One form.

    Attributes:
        name: for lines.
        layout: of `sources.layouts` that reads it.
        write: gets the job and the splits, and writes all files.
        holds_difficult, holds_crowd: whether it has these flags of objects.
        holds_area: whether it has an area beside the box, as COCO has.
        holds_size: whether it says which size the picture had that boxes were drawn on, so that
            photos on their side are turned or not.
        needs_objects: who refuses an image without objects; empty for nobody.
        split_names: that it can have; empty for any.
    """

    name: str
    layout: str
    write: Callable[[Job, Sequence[Part]], None]
    holds_difficult: bool
    holds_crowd: bool
    holds_area: bool
    holds_size: bool
    needs_objects: str = ""
    split_names: tuple[str, ...] = ()


TARGETS: dict[str, Target] = {
    "voc": Target("VOC layout", "voc", write_voc, True, False, False, True),
    "coco": Target("COCO JSON", "coco", write_coco, False, True, True, True),
    "yolo": Target(
        "YOLO txt",
        "yolo",
        write_yolo,
        *(False, False, False, False),
        split_names=("train", "val", "valid", "validation", "test"),
    ),
    "recordio": Target(
        "RecordIO",
        "recordio",
        write_recordio,
        *(True, False, False, True),
        needs_objects="the readers of GluonCV and MXNet",
    ),
}
"""Form -> how it is written."""
