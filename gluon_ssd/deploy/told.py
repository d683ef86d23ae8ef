"""What a user says of a detector whose files do not say it."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.detection.preprocessing import Preprocessing


@dataclass(frozen=True)
class Told:
    """What is known beside the files.

    Attributes:
        preprocessing: how pixels become network input; None where the files, or what is usual for
            them, decide.
        usual_size_hw: height and width of the images, px, of files that do not say them and that
            nobody asked a size of. Detectors of SageMaker and of example/ssd must be asked for one.
    """

    preprocessing: Preprocessing | None = None
    usual_size_hw: tuple[int, int] | None = None


NOTHING = Told()
