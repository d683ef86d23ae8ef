from __future__ import annotations

import hashlib
import io
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gluon_ssd.errors import EnvironmentProblem, WeightsError
from gluon_ssd.families.build import FAMILIES
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.models.download import WeightStore, cache_folder, fetch_weights

CONTENT = bytes(range(256)) * 1000
SHA1 = hashlib.sha1(CONTENT).hexdigest()
STORE = WeightStore({"tiny": SHA1}, "http://store.invalid/")
FILE = f"tiny-{SHA1[:8]}.params"


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()


class Mirror:
    """A host on the loopback that answers every request with `answer`."""

    def __init__(self) -> None:
        self.answer = archive({FILE: CONTENT})
        self.status = 200
        self.announced: int | None = None
        self.paths: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.paths.append(self.path)
                self.send_response(mirror.status)
                self.send_header("Content-Length", str(mirror.announced or len(mirror.answer)))
                self.end_headers()
                self.wfile.write(mirror.answer)

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def mirror():
    made = Mirror()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def fetch(folder: Path, mirror: Mirror, **options) -> Path:
    return fetch_weights("tiny", STORE, folder=folder, mirror=mirror.url, **options)


def test_file_is_fetched_once_and_kept(tmp_path, mirror):
    seen = []
    folder = tmp_path / "models"
    path = fetch(folder, mirror, progress=lambda done, total: seen.append((done, total)))
    assert path == folder / FILE
    assert path.read_bytes() == CONTENT
    assert mirror.paths == [f"/gluon/models/tiny-{SHA1[:8]}.zip"]
    assert seen[-1] == (len(mirror.answer), len(mirror.answer)) and len(seen) > 1
    assert fetch(folder, mirror) == path
    assert len(mirror.paths) == 1
    assert [entry.name for entry in folder.iterdir()] == [FILE]


def test_mirror_may_come_from_the_environment(tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("MXNET_GLUON_REPO", mirror.url)
    assert fetch_weights("tiny", STORE, folder=tmp_path).is_file()


def test_without_a_mirror_the_store_has_an_address(tmp_path, mirror, monkeypatch):
    monkeypatch.delenv("MXNET_GLUON_REPO", raising=False)
    store = WeightStore({"tiny": SHA1}, mirror.url)
    assert fetch_weights("tiny", store, folder=tmp_path).read_bytes() == CONTENT


def test_damaged_file_is_fetched_anew_with_a_note(tmp_path, mirror, caplog):
    (tmp_path / FILE).write_bytes(CONTENT[:-1])
    assert fetch(tmp_path, mirror).read_bytes() == CONTENT
    assert f"{FILE} is damaged" in caplog.text


def test_only_the_named_member_leaves_the_archive(tmp_path, mirror):
    mirror.answer = archive({"top/evil.params": b"x", f"top/{FILE}": CONTENT, "more.txt": b"y"})
    folder = tmp_path / "a" / "b"
    assert fetch(folder, mirror).read_bytes() == CONTENT
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / FILE]


def other_content(mirror: Mirror) -> None:
    mirror.answer = archive({FILE: b"something else"})


def other_member(mirror: Mirror) -> None:
    mirror.answer = archive({"readme.txt": b"hello"})


def no_archive(mirror: Mirror) -> None:
    mirror.answer = b"<html>please log in</html>"


def not_found(mirror: Mirror) -> None:
    mirror.status = 404


def cut_off(mirror: Mirror) -> None:
    mirror.announced = len(mirror.answer) + 10


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (other_content, "another hash"),
        (other_member, "does not hold it"),
        (no_archive, "cannot unpack the archive it sends"),
        (not_found, "Not Found"),
        (cut_off, "broke off"),
    ],
)
def test_wrong_answers_name_file_and_folder(tmp_path, mirror, break_it, reason):
    break_it(mirror)
    with pytest.raises(WeightsError, match=reason) as caught:
        fetch(tmp_path, mirror)
    message = str(caught.value)
    assert f"put the file {FILE} into {tmp_path}" in message and "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_unreachable_host_is_one_line(tmp_path):
    with socket.socket() as probe:  # a port that nobody listens on
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(WeightsError, match=rf"cannot fetch {FILE} from 127.*refused; put"):
            fetch_weights("tiny", STORE, folder=tmp_path, mirror=url)
    assert list(tmp_path.iterdir()) == []


def test_silent_host_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WeightsError, match="timed out|no answer within 0.2 s"):
            fetch_weights("tiny", STORE, folder=tmp_path, mirror=url, timeout_s=0.2)


def test_address_that_is_none_is_told(tmp_path):
    with pytest.raises(WeightsError, match=f"cannot fetch {FILE} from nowhere"):
        fetch_weights("tiny", STORE, folder=tmp_path, mirror="nowhere")


def test_a_password_is_not_shown_where_the_address_lacks_its_beginning(tmp_path):
    with pytest.raises(WeightsError, match=f"cannot fetch {FILE} from host/") as caught:
        fetch_weights("tiny", STORE, folder=tmp_path, mirror="me:secret@host")
    assert "secret" not in str(caught.value)


def test_folder_that_cannot_be_made_is_named(tmp_path, mirror):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="file"):
        fetch(tmp_path / "file" / "models", mirror)


def test_unpublished_name_is_told(tmp_path):
    with pytest.raises(WeightsError, match="no weights of ssd_300_nothing are fetched"):
        fetch_weights("ssd_300_nothing", STORE, folder=tmp_path)


def test_networks_with_zoo_weights_are_those_of_the_model_store():
    published = {spec.weights_name for spec in SPECS.values() if spec.weights_name}
    listed = {name for name in FAMILIES["zoo"].store.hashes if name.startswith("ssd_")}
    assert published == listed & set(SPECS)
    assert len(published) == 10


def test_folder_is_gluoncvs(monkeypatch):
    monkeypatch.setenv("MXNET_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/models")
    monkeypatch.delenv("MXNET_HOME")
    assert cache_folder() == Path.home() / ".mxnet" / "models"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({f"../../{FILE}": CONTENT}, "leads out of the folder"),
        ({FILE: bytes(1 << 24)}, "grows to .* times its size"),
        ({f"a/{FILE}": CONTENT, f"b/{FILE}": CONTENT}, "is there twice"),
    ],
)
def test_a_hostile_archive_is_one_line(tmp_path, mirror, members, reason):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    mirror.answer = buffer.getvalue()
    with pytest.raises(
        WeightsError, match=f"the archive it sends is refused: .*{reason}"
    ) as caught:
        fetch(tmp_path, mirror)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_password_in_the_address_is_not_shown(tmp_path, mirror):
    mirror.status = 404
    with pytest.raises(WeightsError, match=r"from \*\*\*@127.0.0.1"):
        fetch_weights(
            "tiny", STORE, folder=tmp_path, mirror=mirror.url.replace("//", "//me:secret@")
        )
