"""What is published where: the archives of PASCAL VOC and COCO, and the files of Open Images."""

from __future__ import annotations

from typing import NamedTuple

VOC_HOST = "http://host.robots.ox.ac.uk/pascal/VOC"
COCO_HOST = "http://images.cocodataset.org"
OPENIMAGES_HOST = "https://storage.googleapis.com/openimages"
OPENIMAGES_BUCKET = "https://s3.amazonaws.com/open-images-dataset"


class Archive(NamedTuple):
    """path: below the host; sha1: as the preparation scripts of GluonCV publish it."""

    path: str
    sha1: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


_VOC2007_TRAINVAL = Archive(
    "voc2007/VOCtrainval_06-Nov-2007.tar", "34ed68851bce2a36e2a223fa52c661d592c66b3c"
)
_VOC2007_TEST = Archive(
    "voc2007/VOCtest_06-Nov-2007.tar", "41a8d6e12baa5ab18ee7f8f8029b9e11805b4ef1"
)
_VOC2012_TRAINVAL = Archive(
    "voc2012/VOCtrainval_11-May-2012.tar", "4e443f8a2eca6b1dac8a6c57641b67dd40621a49"
)
_COCO_ANNOTATIONS = Archive(
    "annotations/annotations_trainval2017.zip", "8551ee4bb5860311e79dace7e79cb91e432e78b3"
)

VOC_ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "2007_trainval": (_VOC2007_TRAINVAL,),
    "2007_train": (_VOC2007_TRAINVAL,),
    "2007_val": (_VOC2007_TRAINVAL,),
    "2007_test": (_VOC2007_TEST,),
    "2012_trainval": (_VOC2012_TRAINVAL,),
    "2012_train": (_VOC2012_TRAINVAL,),
    "2012_val": (_VOC2012_TRAINVAL,),
}
"""Split -> what holds it. The annotations of VOC 2012's test images are not published."""

COCO_ARCHIVES: dict[str, tuple[Archive, ...]] = {
    # COCO itself publishes no sums.
    "train2017": (
        Archive("zips/train2017.zip", "10ad623668ab00c62c096f0ed636d6aff41faca5"),
        _COCO_ANNOTATIONS,
    ),
    "val2017": (
        Archive("zips/val2017.zip", "4950dc9d00dbe1c933ee0170f5797584351d2a41"),
        _COCO_ANNOTATIONS,
    ),
}
"""Split -> what holds it."""


class OpenImagesFiles(NamedTuple):
    """The tables of a split of Open Images v6, below the host.

    boxes: a row a box; images: a row an image; subset_images: of the MLPerf subset, as MLPerf
    counts them; classes: label and display name; hierarchy: of the classes.
    """

    boxes: str
    images: str
    subset_images: int
    classes: str = "v5/class-descriptions-boxable.csv"
    hierarchy: str = "2018_04/bbox_labels_600_hierarchy.json"


OPENIMAGES_FILES: dict[str, OpenImagesFiles] = {
    "train": OpenImagesFiles(
        "v6/oidv6-train-annotations-bbox.csv",
        "2018_04/train/train-images-boxable-with-rotation.csv",
        subset_images=1_170_301,
    ),
    "validation": OpenImagesFiles(
        "v5/validation-annotations-bbox.csv",
        "2018_04/validation/validation-images-with-rotation.csv",
        subset_images=24_781,
    ),
}
"""Split -> its tables; the validation boxes did not change from v5 to v6. No sums are published."""
