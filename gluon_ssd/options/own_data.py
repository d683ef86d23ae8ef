"""Options of a user's own data set, in every command that opens one."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option

LAYOUTS = (*("voc", "coco", "yolo", "recordio", "lst", "sagemaker", "manifest", "xml", "csv"),)
"""The layouts of a custom data set; `data.sources.layouts.LAYOUTS` has the same names."""

_AUTO, _SKIP = "auto", "skip"


class OwnData(NamedTuple):
    """What is said of a custom data set; empty where it is to be looked for."""

    layout: str
    image_root: str
    unlabelled_is_background: bool


class HasOwnData(Protocol):
    """Options with those of a custom data set among them."""

    @property
    def dataset(self) -> str:
        """Kind of data set."""

    @property
    def layout(self) -> str:
        """Of `layout_option`."""

    @property
    def image_root(self) -> str:
        """Of `image_root_option`."""

    @property
    def unlabelled(self) -> str:
        """Of `unlabelled_option`."""


def layout_option() -> str:
    """Which layout a custom data set has."""
    declared: str = option(
        _AUTO,
        "layout of a custom data set; auto looks which one it has",
        choices=(_AUTO, *LAYOUTS),
    )
    return declared


def image_root_option() -> str:
    """Where the images lie that a file of a custom data set names."""
    declared: str = option(
        "",
        "folder of the images that a list or a manifest of a custom data set names; empty looks "
        "near that file",
    )
    return declared


def own_data(options: HasOwnData) -> OwnData:
    """The options of a custom data set. Raises OptionError where they stand beside another one."""
    layout = "" if options.layout == _AUTO else options.layout
    given = {"--layout": layout, "--image-root": options.image_root}
    named = [flag for flag, value in given.items() if value]
    if named and options.dataset != "custom":
        raise OptionError(
            f"{named[0]} has no effect with --dataset {options.dataset}, whose layout is known; "
            "leave it out, or open the data with --dataset custom"
        )
    return OwnData(layout, options.image_root, _means_background(options))


def unlabelled_option() -> str:
    """What a picture without an annotation file is."""
    declared: str = option(
        _SKIP,
        "pictures without an annotation file, in VOC layout and folders of pictures and XML files: "
        "skip leaves them out and counts them, and is an error for those that a list names; "
        "background takes them for pictures without objects",
        choices=(_SKIP, "background"),
    )
    return declared


def _means_background(options: HasOwnData) -> bool:
    if options.unlabelled == _SKIP:
        return False
    if options.dataset not in ("voc", "custom"):
        raise OptionError(
            f"--unlabelled has no effect with --dataset {options.dataset}, which has no annotation "
            "file for each picture; leave it out"
        )
    return True
