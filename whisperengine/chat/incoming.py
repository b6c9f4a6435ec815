"""What reaches a character: one message of one person, cleaned and bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whisperengine.errors import RequestError, TooLargeError

MESSAGE_CHARS = 8_000
ID_CHARS = 200

# What a reader would not see. Written so that Python and JSON Schema read it alike.
_UNSEEN = r"\u0000-\u001f\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb"
VISIBLE = rf"[^ {_UNSEEN}]"
"""Found in every text of which `clean_text` leaves something."""
PLAIN_LINE = rf"^ *[^ {_UNSEEN}][^{_UNSEEN}]*$"
"""What `clean_id` takes."""

_ID = re.compile(PLAIN_LINE.removesuffix("$") + r"\Z")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One message as an edge hands it to the heart. `channel` names the place, `shared` says that others hear it.

    `scene` describes the situation. `talk` is the talk so far as the caller tells it (by the person?, text), in place
    of what is stored of the channel. `after` are raw messages of the model's protocol that follow the person's message
    (tool calls and their results), `images` URLs of pictures that belong to it, `parameters` fields of the model
    request.
    """

    platform: str
    platform_user_id: str
    character: str
    text: str
    channel: str
    shared: bool = False
    display_name: str = ""
    idempotency_key: str | None = None
    scene: str = ""
    talk: tuple[tuple[bool, str], ...] | None = None
    after: tuple[Mapping[str, Any], ...] = ()
    images: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


def clean_text(text: str, *, limit: int = MESSAGE_CHARS) -> str:
    """`text` as it is stored: no control characters but line breaks and tabs, no halves of surrogate pairs, no
    direction overrides.

    Raises RequestError when nothing is left, TooLargeError beyond `limit` characters.
    """
    if len(text) > limit:
        raise TooLargeError(
            f"The message has {len(text):,} characters; {limit:,} are the most. Send it in parts.",
            code="message_too_long",
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _BIDI.sub("", _CONTROL.sub(" ", text)).strip()
    if not text:
        raise RequestError("The message is empty. Send some text in `message`.", code="message_required")
    return text


def clean_id(value: str, name: str) -> str:
    """An id from outside: 1 to 200 characters, none of them a control character. Raises RequestError."""
    value = value.strip()
    if not value:
        raise RequestError(f"{name} is required", code=f"{name}_required")
    if len(value) > ID_CHARS:
        raise RequestError(f"{name} has {len(value)} characters; {ID_CHARS} are the most.", code=f"{name}_too_long")
    if not _ID.match(value) or _HALF_PAIR.search(value):
        raise RequestError(f"{name} holds control characters. Send plain text.", code=f"{name}_invalid")
    return value
