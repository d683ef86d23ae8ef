"""Run the body of a script: errors as one line, exit codes, signals, a terminal that was closed.

Standard library only.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from gluon_ssd.errors import Interrupted, SsdError, one_line
from gluon_ssd.system.signals import handling, not_ignored

# A machine that is shut down or a scheduler's limit; a terminal that was closed.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _end(signal_number: int, frame: types.FrameType | None) -> NoReturn:
    raise Interrupted(f"stopped by {signal.Signals(signal_number).name}", signal_number)


def _say(line: str) -> None:
    """Write a line on stderr; where its terminal was closed, nothing."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError as error:
        if error.errno != errno.EIO:
            raise


def _leave_closed_terminal() -> None:
    """Drop what a closed terminal did not take: Python would exit with code 120 for it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError as error:
            # Anything else comes up again when Python itself flushes, and is told then.
            if error.errno == errno.EIO:
                with open(os.devnull, "wb") as nowhere:
                    os.dup2(nowhere.fileno(), stream.fileno())


def script_folder() -> Path:
    """The folder of train_ssd.py and eval_ssd.py; of an installed package, which has none, the
    working folder."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "eval_ssd.py").is_file() else Path.cwd()


def run_main(main: Callable[[], int], flags: Mapping[str, str] = {}) -> int:
    """Run a script's body; a user error becomes one line on stderr and its exit code.

    A name that the system finds too long is a user error too, wherever it is met.

    The line ends with the flags of the error's settings, in brackets; `flags` has the command's
    own by the name of the option, and settings that it lacks are not shown.

    SIGTERM and SIGHUP end it as Ctrl-C does, by an error, so that temporary files and child
    processes go.
    """
    try:
        with handling(not_ignored(_ENDING), _end):
            return main()
    except SsdError as error:
        shown = ", ".join(flags[name] for name in error.settings if name in flags)
        _say(f"error: {error} ({shown})" if shown else f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("error: interrupted")
        return 130
    except BrokenPipeError:
        # The reader went away (``| head``); what it wanted was delivered.
        sys.stderr.close()
        return 141
    except OSError as error:
        # Asking whether such a file is there fails so, at any of a hundred places.
        if error.errno != errno.ENAMETOOLONG:
            raise
        named = "" if error.filename is None else f": {os.fsdecode(error.filename)}"
        _say(f"error: {one_line(f'a name of a file is too long{named}')}; give a shorter one")
        return SsdError.exit_code
    finally:
        _leave_closed_terminal()
