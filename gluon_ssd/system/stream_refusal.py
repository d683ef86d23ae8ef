"""Why the address of a camera gave nothing: FFmpeg knows, and OpenCV does not pass it on."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from gluon_ssd.system.address import shown

_PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443}
_LINE_BYTES, _LINES, _BODY_BYTES = 4096, 100, 1 << 16
_STATUS = re.compile(rb"RTSP/\d\.\d (\d{3})")
_CHALLENGE = re.compile(r"^WWW-Authenticate:\s*(Basic|Digest)\b(.*)$", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(r"^Content-Length:\s*(\d{1,9})$", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
_WORDS = {
    403: "it forbids this stream (403)",
    404: "it has no such stream (404); check the path of the address",
    453: "it has no bandwidth left (453)",
    503: "it has no room for another viewer (503)",
}
_ASKS = "it asks for a user and a password (401); write rtsp://user:password@host/..."
_REFUSES = "it refuses the user and the password of the address (401)"
_NO_WAY_IN = "it asks for a form of user and password that FFmpeg does not know (401)"
_NOT_DECODED = (
    "it has the stream, and FFmpeg got no picture of it; check the codec and the transport"
)
_NO_RTSP = "what answers there does not speak RTSP; check the port of the address"
_CHECK = "check the address"
_SIGNS = (
    "its user or password has a sign that ends the name of a host; write / as %2F, ? as %3F and "
    "# as %23"
)


class _Answer(NamedTuple):
    """status: 0 for what is no RTSP. headers: as they came."""

    status: int
    headers: str


def why_no_stream(address: str, seconds: float) -> str:
    """Ask the server of an RTSP address what it has there; of others, whether anything answers.

    Args:
        address: rtsp, rtsps, rtmp or rtmps; any other is answered with advice alone.
        seconds: to connect in, and for each part of an answer.

    Returns:
        The reason and what to do, in words of our own: nothing of the address or the answer stands
        in it but the host, the port and a number.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return _SIGNS if "***@" in shown(address) else f"it is no address; {_CHECK}"
    if ":" in parts.netloc and "@" not in parts.netloc and "***@" in shown(address):
        return _SIGNS
    # What stands in a request must not end its line.
    is_plain = address.isascii() and address.isprintable() and " " not in address
    if not (is_plain and host and port and parts.scheme in _PORTS):
        return _CHECK
    try:
        with ExitStack() as opened:
            connection = opened.enter_context(socket.create_connection((host, port), seconds))
            if not parts.scheme.startswith("rtsp"):
                return _CHECK
            if parts.scheme == "rtsps":
                connection = opened.enter_context(_as_ffmpeg().wrap_socket(connection))
            return _in_words(_ask(connection, parts), has_user="@" in parts.netloc)
    except socket.gaierror:
        return f"there is no host {host}; {_CHECK}"
    except ConnectionRefusedError:
        return f"nothing listens at port {port} of {host} (connection refused); {_CHECK}"
    except TimeoutError:
        return f"port {port} of {host} does not answer within {seconds:g} seconds; {_CHECK}"
    except ssl.SSLError:
        return f"{host} does not speak TLS at port {port}; {_CHECK}"
    except OSError as error:
        return f"{host} cannot be reached ({error.strerror or 'the connection broke'}); {_CHECK}"


def _as_ffmpeg() -> ssl.SSLContext:
    """TLS that checks no certificate: FFmpeg does not either, and cameras sign their own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _in_words(answer: _Answer | None, *, has_user: bool) -> str:
    if answer is None:
        return _NO_WAY_IN
    if answer.status == 401:
        return _REFUSES if has_user else _ASKS
    if answer.status in _WORDS:
        return _WORDS[answer.status]
    if answer.status == 0:
        return _NO_RTSP
    return _NOT_DECODED if answer.status < 400 else f"it answers {answer.status}; {_CHECK}"


def _ask(connection: socket.socket, parts: SplitResult) -> _Answer | None:
    """The answer to DESCRIBE, with what the address has for 401; None for a way in that FFmpeg
    lacks."""
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    answer = _describe(connection, url, 1)
    if answer.status != 401 or parts.username is None:
        return answer
    challenges = {
        kind.lower(): {name.lower(): one or other for name, one, other in _FIELD.findall(rest)}
        for kind, rest in _CHALLENGE.findall(answer.headers)
    }
    user, password = unquote(parts.username), unquote(parts.password or "")
    if "digest" in challenges:
        if challenges["digest"].get("algorithm", "MD5").upper() != "MD5":
            return None
        proof = _digest(challenges["digest"], user, password, url)
    elif "basic" in challenges:
        proof = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
    else:
        return None
    return _describe(connection, url, 2, f"Authorization: {proof}\r\n")


def _digest(challenge: Mapping[str, str], user: str, password: str, url: str) -> str:
    """RFC 2617, as RTSP uses it."""

    def md5(*texts: str) -> str:
        return hashlib.md5(":".join(texts).encode(), usedforsecurity=False).hexdigest()

    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    secret, request = md5(user, realm, password), md5("DESCRIBE", url)
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": url}
    if "auth" in challenge.get("qop", "").split(","):
        count = {"qop": "auth", "nc": "00000001", "cnonce": "0a4f113b"}
        fields |= count
        fields["response"] = md5(secret, nonce, count["nc"], count["cnonce"], "auth", request)
    else:
        fields["response"] = md5(secret, nonce, request)
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    return "Digest " + ", ".join(f'{name}="{text}"' for name, text in fields.items())


def _describe(connection: socket.socket, url: str, number: int, more: str = "") -> _Answer:
    request = f"DESCRIBE {url} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n{more}\r\n"
    connection.sendall(request.encode())
    with connection.makefile("rb") as answer:
        found = _STATUS.match(answer.readline(_LINE_BYTES))
        if found is None:
            return _Answer(0, "")
        lines: list[str] = []
        while (line := answer.readline(_LINE_BYTES).strip()) and len(lines) < _LINES:
            lines.append(line.decode("latin-1"))
        headers = "\n".join(lines)
        if length := _LENGTH.search(headers):
            answer.read(min(int(length[1]), _BODY_BYTES))
    return _Answer(int(found[1]), headers)
