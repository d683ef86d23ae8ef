"""Batches of images in a nameless file: read as often as needed, by several processes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np

from gluon_ssd.system.files import write_problem

_ITEM = np.dtype(np.float32)


class StoredBatches(Sequence[np.ndarray]):
    """float32 batches (B, 3, H, W) in a file that vanishes with the last process that has it open.

    Args:
        descriptor: of the open file; it belongs to this object from now on.
        image_shape: (3, H, W).
        sizes: images of each batch that the file holds already.
    """

    def __init__(
        self, descriptor: int, image_shape: tuple[int, ...], sizes: Iterable[int] = ()
    ) -> None:
        self._file = os.fdopen(descriptor, "r+b")
        self.image_shape = tuple(image_shape)
        self.sizes = list(sizes)

    @classmethod
    def create(cls, image_shape: tuple[int, ...], num_images: int) -> StoredBatches:
        """An empty store with room for so many images, in the folder for temporary files.

        Raises:
            EnvironmentProblem: there is no room; TMPDIR can name another folder.
        """
        folder = tempfile.gettempdir()
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                size = max(1, num_images * _image_bytes(image_shape))
                os.posix_fallocate(file.fileno(), 0, size)
                return cls(os.dup(file.fileno()), image_shape)
        except OSError as error:
            raise write_problem(f"{folder} (the folder for temporary files)", error) from error

    @property
    def descriptor(self) -> int:
        """Number of the open file, for a child process to inherit."""
        return self._file.fileno()

    @property
    def num_images(self) -> int:
        """Images in all batches."""
        return sum(self.sizes)

    def append(self, images: np.ndarray) -> None:
        """Store one more batch, float32 (B, 3, H, W)."""
        assert images.shape[1:] == self.image_shape, "all images are of one size"
        self._file.seek(self.num_images * _image_bytes(self.image_shape))
        self._file.write(np.ascontiguousarray(images, _ITEM).data)
        self._file.flush()
        self.sizes.append(len(images))

    def close(self) -> None:
        """Close the file; batches that were read before stay readable."""
        self._file.close()

    def __enter__(self) -> StoredBatches:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: Any) -> Any:
        """One batch, read-only and read from disk as it is used, or a list of them."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = sum(self.sizes[:number]) * _image_bytes(self.image_shape)
        shape = (self.sizes[number], *self.image_shape)
        return np.memmap(self._file, _ITEM, "r", start, shape)


def _image_bytes(image_shape: tuple[int, ...]) -> int:
    return int(np.prod(image_shape)) * _ITEM.itemsize
