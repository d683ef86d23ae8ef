"""A camera of the network on the loopback, which behaves well, or badly in a chosen way."""

from __future__ import annotations

import hashlib
import re
import socket
import socketserver
import ssl
import struct
import threading
from base64 import b64decode
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.rtsp_streams import Stream, motion_jpeg

_RATE = 90_000  # ticks a second of RTP's clock for pictures
_NONCE = "4f2a"


@dataclass
class Camera:
    """What an RTSP server (RFC 2326) shows and does; what it is asked for stands in `asked`.

    Attributes:
        stream: what is sent to everyone who asks for it, from its beginning; then it ends.
        is_endless: whether it begins anew instead.
        rate: frames a second.
        stalls_after: frames after which nothing more comes, until `release` is set.
        drops_after: frames after which the connection is cut.
        status: of the answer to DESCRIBE.
        silent_at: a method that is never answered.
        user: name and password that are asked for, by `way`, Basic or Digest.
        qop: what Digest asks for, such as "auth".
        transports: what SETUP accepts.
        certificate: file with a certificate and its key, for rtsps; empty for rtsp.
        sent: frames that were sent, to all together.
        carried: what each that was played went over.
    """

    stream: Stream = field(default_factory=lambda: motion_jpeg(10))
    is_endless: bool = False
    rate: float = 100
    stalls_after: int | None = None
    drops_after: int | None = None
    status: int = 200
    silent_at: str = ""
    user: tuple[str, str] | None = None
    way: str = "Digest"
    qop: str = ""
    transports: Collection[str] = ("tcp", "udp")
    certificate: str = ""
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    carried: list[str] = field(default_factory=list)
    port: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/live", user: str = "") -> str:
        """Its address, with what lets one in where that is given."""
        scheme = "rtsps" if self.certificate else "rtsp"
        return f"{scheme}://{f'{user}@' if user else ''}127.0.0.1:{self.port}{path}"


@contextmanager
def showing(camera: Camera) -> Iterator[Camera]:
    """A camera that runs within the block."""

    open_now: list[socket.socket] = []

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

        def get_request(self):
            connection, address = super().get_request()
            if camera.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(camera.certificate)
                connection = context.wrap_socket(connection, server_side=True)
            return connection, address

        def finish_request(self, request, client_address) -> None:
            open_now.append(request)
            with suppress(OSError):  # clients of these tests leave early
                _Visit(camera, request, client_address, self)

    server = Server(("127.0.0.1", 0), _Visit)
    camera.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield camera
    finally:
        camera.release.set()
        for connection in open_now:
            with suppress(OSError):  # it has ended before
                connection.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        thread.join()
        server.server_close()


class _Visit(socketserver.StreamRequestHandler):
    """One connection."""

    def __init__(self, camera: Camera, *args: object) -> None:
        self._camera = camera
        self._is_over, self._lock = threading.Event(), threading.Lock()
        self._udp: tuple[socket.socket, int] | None = None
        super().__init__(*args)

    def handle(self) -> None:
        try:
            while self._is_answered():
                pass
        finally:
            self._is_over.set()
            if self._udp is not None:
                self._udp[0].close()

    def _is_answered(self) -> bool:
        line = self.rfile.readline()
        while line[:1] == b"$":  # a report of the receiver, among the requests
            line += self.rfile.read(max(0, 4 - len(line)))
            self.rfile.read(max(0, struct.unpack(">H", line[2:4])[0] + 4 - len(line)))
            line = self.rfile.readline()
        if not line.strip():
            return bool(line)
        method, url, _ = line.decode().split()
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _, text = line.partition(":")
            headers[name.lower()] = text.strip()
        camera = self._camera
        camera.asked.append(method)
        if camera.silent_at == method:
            camera.release.wait(60)
            return False
        lines = [f"CSeq: {headers['cseq']}"]
        if method != "OPTIONS" and camera.user and not self._is_let_in(method, headers):
            qop = f', qop="{camera.qop}"' if camera.qop else ""
            rest = f', nonce="{_NONCE}"{qop}' if camera.way == "Digest" else ""
            self._reply(401, [*lines, f'WWW-Authenticate: {camera.way} realm="a camera"{rest}'])
        else:
            self._answer(method, url, headers.get("transport", ""), lines)
        return method != "TEARDOWN"

    def _answer(self, method: str, url: str, transport: str, lines: list[str]) -> None:
        camera, body = self._camera, ""
        status = camera.status if method == "DESCRIBE" else 200
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE" and status == 200:
            lines += ["Content-Type: application/sdp", f"Content-Base: {url}/"]
            number, media, _ = camera.stream
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP {number}\r\n{media}a=control:track0\r\n"
            )
        elif method == "SETUP":
            by_udp = re.search(r"client_port=(\d+)-(\d+)", transport)
            if ("udp" if by_udp else "tcp") not in camera.transports:
                status = 461
            elif by_udp:
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sender.bind(("127.0.0.1", 0))
                self._udp, own = (sender, int(by_udp[1])), sender.getsockname()[1]
                lines.append(f"Transport: {transport};server_port={own}-{own + 1}")
            else:
                lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
            lines.append("Session: 7")
        self._reply(status, lines, body)
        if method == "PLAY":
            camera.carried.append("udp" if self._udp else "tcp")
            threading.Thread(target=self._send, daemon=True).start()

    def _reply(self, status: int, lines: Sequence[str], body: str = "") -> None:
        head = [f"RTSP/1.0 {status} Word", *lines, f"Content-Length: {len(body)}"]
        with self._lock:
            self.wfile.write("".join(f"{line}\r\n" for line in [*head, ""]).encode())
            self.wfile.write(body.encode())

    def _is_let_in(self, method: str, headers: dict[str, str]) -> bool:
        name, word = self._camera.user or ("", "")
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind != self._camera.way:
            return False
        if kind == "Basic":
            return b64decode(given).decode() == f"{name}:{word}"

        def md5(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
        if fields.get("qop", "") != self._camera.qop:
            return False
        more = (fields["nc"], fields["cnonce"], "auth") if self._camera.qop else ()
        secret, request = md5(name, "a camera", word), md5(method, fields["uri"])
        return fields["response"] == md5(secret, _NONCE, *more, request)

    def _send(self) -> None:
        camera, count, sequence = self._camera, 0, 0
        frames = camera.stream.frames
        with suppress(OSError):
            while (camera.is_endless or count < len(frames)) and not self._is_over.is_set():
                if count == camera.stalls_after:
                    camera.release.wait(60)
                    return
                if count == camera.drops_after:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                payloads = frames[count % len(frames)]
                ticks = int(count * _RATE / camera.rate)
                for number, payload in enumerate(payloads):
                    kind = camera.stream.number | (number == len(payloads) - 1) << 7
                    head = struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, ticks, 9)
                    self._packet(0, head + payload)
                    sequence += 1
                count += 1
                camera.sent += 1
                self._is_over.wait(1 / camera.rate)
            # A report of the sender, and that it leaves (RFC 3550).
            self._packet(1, struct.pack(">BBHI20xBBHI", 0x80, 200, 6, 9, 0x81, 203, 1, 9))

    def _packet(self, channel: int, content: bytes) -> None:
        if self._udp is not None:
            sender, port = self._udp
            sender.sendto(content, ("127.0.0.1", port + channel))
            return
        with self._lock:
            self.wfile.write(struct.pack(">BBH", 0x24, channel, len(content)) + content)
