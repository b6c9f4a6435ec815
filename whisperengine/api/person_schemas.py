"""What is kept of a person, as /api/users answers it."""

from __future__ import annotations

from whisperengine.api.schemas import (
    BOOLEAN,
    ID,
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    list_of,
    nullable,
    object_of,
    one_of,
)

ROLE = one_of("person", "character")
IDENTITY = object_of({"platform": STRING, "platform_user_id": STRING}, title="Identity")
TALKED_TO = object_of({"name": STRING, "messages": INTEGER, "last_at": TIME})
MESSAGE = object_of(
    {
        "message_id": ID,
        "role": ROLE,
        "channel": STRING,
        "shared": BOOLEAN,
        "session": INTEGER,
        "said_at": TIME,
        "content": STRING,
        "feeling": nullable(STRING),
        "intensity": nullable(NUMBER),
        "pinned": BOOLEAN,
        "edited_at": nullable(TIME),
        "reply_to": nullable(ID),
    },
    title="StoredMessage",
)
CHANNEL = object_of(
    {
        "channel": STRING,
        "shared": BOOLEAN,
        "messages": INTEGER,
        "last_at": TIME,
        "last_text": STRING,
        "first_text": nullable(STRING),
    },
    title="Channel",
)
MEMORY = object_of(
    {
        "id": ID,
        "speaker": one_of("user", "character"),
        "content": STRING,
        "said_at": TIME,
        "score": NUMBER,
        "scores": {"type": "object", "additionalProperties": NUMBER},
        "channel": STRING,
        "pinned": BOOLEAN,
        "others": list_of(ID),
    },
    title="Memory",
)
FACT = object_of(
    {
        "fact_id": ID,
        "kind": STRING,
        "slot": STRING,
        "value": STRING,
        "text": STRING,
        "confidence": NUMBER,
        "shared": BOOLEAN,
        "pinned": BOOLEAN,
        "origin": STRING,
        "valid_from": TIME,
        "superseded_at": nullable(TIME),
        "superseded_by": nullable(ID),
        "sources": list_of(ID),
    },
    title="Fact",
)
SUMMARY = object_of(
    {
        "summary_id": ID,
        "channel": STRING,
        "shared": BOOLEAN,
        "first_message_id": ID,
        "last_message_id": ID,
        "messages": INTEGER,
        "text": STRING,
        "origin": STRING,
        "created_at": TIME,
    },
    title="Summary",
)
RELATIONSHIP = object_of(
    {
        **dict.fromkeys(("trust", "affection", "attunement"), NUMBER),
        "interactions": INTEGER,
        "first_at": TIME,
        "last_at": TIME,
        "steps": list_of(
            object_of({"at": TIME, **dict.fromkeys(("trust", "affection", "attunement"), NUMBER), "reason": STRING})
        ),
    },
    title="Relationship",
)
EMOTION = object_of(
    {
        "message_id": ID,
        "role": ROLE,
        "said_at": TIME,
        "feeling": STRING,
        "intensity": nullable(NUMBER),
    },
    title="Emotion",
)
