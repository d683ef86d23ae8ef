"""Options of a user's own data set, in every command that opens one."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option

LAYOUTS = ("voc", "coco", "recordio", "lst", "sagemaker", "manifest")
"""The layouts of a custom data set; `data.sources.layouts.LAYOUTS` has the same names."""

_AUTO = "auto"


class OwnData(NamedTuple):
    """What is said of a custom data set; empty where it is to be looked for."""

    layout: str
    image_root: str


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
    return OwnData(layout, options.image_root)
