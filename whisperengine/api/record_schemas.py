"""The records of an export (`memory/export.py`), as /records takes them back."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from whisperengine.api.schemas import BOOLEAN, ID, Schema, integer, line, list_of, number, object_of, one_of, string
from whisperengine.memory.export import FORMAT, VERSION

_DAY = (
    r"(?:(?:19[89][0-9]|20[0-7][0-9])-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:19(?:8[048]|9[26])|20(?:[0246][048]|[1357][26]))-02-29)"
)
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"

LOCAL_TIME: Schema = string(
    "ISO 8601, from 1980 to 2079; UTC where it names no zone.", pattern=f"^{_DAY}(?:[T ]{_CLOCK}{_ZONE}?)?$"
)
MOMENT: Schema = string("ISO 8601 with its zone, from 1980 to 2079.", pattern=f"^{_DAY}T{_CLOCK}{_ZONE}$")
ZONE: Schema = {"type": "string", "enum": sorted(available_timezones()), "title": "TimeZone"}

_INT4 = integer(0, 2**31 - 1)
_PART = number(0, 1)


def _stored(most: int) -> Schema:
    """Text that PostgreSQL takes; `most` is small where it is part of an index."""
    return string(pattern=r"^[^\u0000]*$", maxLength=most)


def _record(kind: str, properties: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    fields: dict[str, Any] = {"type": one_of(kind), **properties}
    return object_of(fields | (optional or {}), required=fields, title=f"{kind.capitalize()}Record")


RECORD: Schema = {
    "anyOf": [
        _record(
            "person",
            {
                "format": one_of(FORMAT),
                "version": {"type": "integer", "enum": [VERSION]},
                "display_name": _stored(200),
                "time_zone": ZONE,
            },
        ),
        _record("conversation", {"character": _stored(200), "last_at": MOMENT}),
        _record(
            "relationship",
            {
                **dict.fromkeys(("trust", "affection", "attunement"), _PART),
                "interactions": integer(0, 10**15),
                "first_at": MOMENT,
                "last_at": MOMENT,
            },
        ),
        _record(
            "message",
            {
                "message_id": ID,
                "role": one_of("person", "character"),
                "channel": _stored(400),
                "shared": BOOLEAN,
                "session": _INT4,
                "place": _INT4,
                "said_at": MOMENT,
                "content": _stored(200_000),
            },
            {
                "reply_to": ID,
                "request_key": _stored(400),
                "model": _stored(400),
                "feeling": line(),
                "intensity": _PART,
                "pinned": BOOLEAN,
                "reactions": list_of(object_of({"emoji": line(most=64), "valence": number(-1, 1)})),
                "importance": _PART,
                "edited_at": MOMENT,
                "interrupted": BOOLEAN,
                "about_from": MOMENT,
                "about_to": MOMENT,
            },
        ),
        _record(
            "fact",
            {
                "fact_id": ID,
                "kind": _stored(200),
                "slot": _stored(600),
                "value": _stored(10_000),
                "text": _stored(10_000),
                "confidence": _PART,
                "shared": BOOLEAN,
                "pinned": BOOLEAN,
                "origin": one_of("pattern", "model", "person"),
                "valid_from": MOMENT,
                "sources": list_of(ID, maxItems=10_000),
            },
            {"superseded_at": MOMENT, "superseded_by": ID},
        ),
        _record(
            "summary",
            {
                "channel": _stored(400),
                "shared": BOOLEAN,
                "first_message_id": ID,
                "last_message_id": ID,
                "messages": _INT4,
                "text": _stored(200_000),
                "origin": _stored(200),
                "created_at": MOMENT,
            },
        ),
    ],
    "_errors": {
        "anyOf": (
            "invalid_export",
            "This is no export of this program, or it was changed: a record has no known `type` or wrong fields. "
            "Export again.",
        )
    },
}
