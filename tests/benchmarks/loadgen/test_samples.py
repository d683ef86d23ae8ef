from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.benchmarks.loadgen.samples import SampleLibrary


def test_images_are_there_between_load_and_unload():
    asked = []

    def read(numbers):
        asked.append(list(numbers))
        return np.stack([np.full((3, 2, 2), number, np.float32) for number in numbers])

    library = SampleLibrary(read)
    library.load([4, 1, 3])
    assert asked == [[4, 1, 3]]
    assert library.batch([3, 4, 3])[:, 0, 0, 0].tolist() == [3, 4, 3]
    library.unload([4, 1])
    with pytest.raises(KeyError):
        library.batch([4])
    assert library.batch([3]).shape == (1, 3, 2, 2)
