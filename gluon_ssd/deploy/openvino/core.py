"""OpenVINO's entrance, one for the whole process."""

from __future__ import annotations

import openvino

CORE = openvino.Core()
"""What reads and compiles networks; any number of threads may use it.

It is never released. The part for processors, which a Core loads, gives its thread a stack for
handlers of signals, and takes back the one before when it goes. Of two that go in the order in
which they came, the second takes back what the first has freed already: the next signal that Python
handles, Ctrl-C for one, then ends the process by SIGSEGV (seen with OpenVINO 2026.4.1).
"""
