"""Only regular files are opened, and opening never waits."""

import os
import socket
from pathlib import Path

import pytest

from gluon_ssd.system.regular_file import open_regular, read_regular


def test_a_file_and_a_link_to_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"
    assert read_regular(tmp_path / "a", most_bytes=7) == b"content"


def test_a_pipe_is_refused_at_once_also_behind_a_link(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        open_regular(tmp_path / "link")


def test_devices_sockets_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a device, not a file"):
        open_regular("/dev/zero")
    with pytest.raises(OSError, match="it is a device, not a file"):
        open_regular("/dev/tty")  # with or without a terminal
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    with server, pytest.raises(OSError, match="it is a socket, not a file"):
        open_regular(tmp_path / "socket")


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    with pytest.raises(OSError, match="it has 7 bytes, allowed are 6"):
        read_regular(tmp_path / "a", most_bytes=6)


def test_refused_files_leave_no_descriptor_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(OSError, match="device"):
            open_regular("/dev/null")
    assert len(os.listdir("/proc/self/fd")) == before
