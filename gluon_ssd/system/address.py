"""Addresses as they may be shown: without what lets one in."""

from __future__ import annotations

import re

# Parameters that carry a secret, in the signed addresses of the usual stores and by plain names.
_SECRET = re.compile(r"token|key|sig|secret|pass|pwd|auth|cred|session|code|jwt", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&;#])([^=&#;?\s]{1,100})=([^&#;\s]+)")
# Of cameras, whose paths have no such sign.
_CAMERA_USER = re.compile(r"\b((?:rtsp|rtmp)s?://)\S{0,2000}@", re.IGNORECASE)
# Some cameras take them in the path: rtsp://host/user=me_password=word_channel=1.sdp
_IN_PATH = re.compile(r"(://\S{1,300}?[/_,;](?:pass\w{0,10}|pwd|psw)=)([^/?&#;\s]+)", re.IGNORECASE)
# A password may hold signs that end the name of a host, where nobody has escaped them.
_USER = re.compile(r"(://)(?:[^/?#\s]*@|[^/?#\s:@\[]{0,100}:(?!\d{1,5}(?:[/?#\s]|$))\S{1,200}?@)")


def shown(text: str) -> str:
    """A text with addresses, in which user, password and secret parameters are `***`."""
    text = _USER.sub(r"\1***@", _CAMERA_USER.sub(r"\1***@", text))
    text = _PARAMETER.sub(_without_secret, text)
    return _IN_PATH.sub(r"\1***", text)


def _without_secret(found: re.Match[str]) -> str:
    sign, name, value = found.groups()
    return f"{sign}{name}={'***' if _SECRET.search(name) else value}"


def shown_address(address: str) -> str:
    """As `shown`, of what is one address, or was meant as one and lacks its beginning."""
    return shown(address) if "://" in address else address.rpartition("@")[2]
