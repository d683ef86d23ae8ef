"""A camera that is plugged in, as cv2.VideoCapture shows one, for machines that have none."""

from __future__ import annotations

import threading

import cv2

from tests.rtsp_streams import HW, drawn

_real = cv2.VideoCapture


class Plugged:
    """What cv2.VideoCapture is replaced by: a camera that gives frames, and then does `then`.

    Paths and addresses are opened as they are.

    Attributes:
        opened: what it was called with.
        given: frames that it gave.
        released: set when it was given back.
    """

    def __init__(self, count, *, rate=30.0, then=lambda: None):
        self.count, self.given, self.then = count, 0, then
        self.opened, self.released = [], threading.Event()
        told = {"FPS": rate, "FRAME_WIDTH": HW[1], "FRAME_HEIGHT": HW[0]}
        self.told = {getattr(cv2, f"CAP_PROP_{name}"): value for name, value in told.items()}

    def __call__(self, source, *how):
        if isinstance(source, str):
            return _real(source, *how)
        self.opened.append((source, *how))
        return self

    def get(self, number):
        return self.told[number]

    def read(self):
        if self.given == self.count:
            self.then()
            return False, None
        self.given += 1
        return True, drawn(self.given - 1)

    def release(self):
        self.released.set()
