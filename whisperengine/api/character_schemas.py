"""What the routes of characters take and give."""

from __future__ import annotations

from typing import Any

from whisperengine.api.description import Content
from whisperengine.api.schemas import (
    ANY,
    BOOLEAN,
    INTEGER,
    OBJECT,
    QUERY_CHARS,
    STRING,
    TIME,
    Schema,
    flag,
    integer,
    line,
    list_of,
    nullable,
    object_of,
    one_of,
    string,
    success,
    text,
)
from whisperengine.characters.definition import NAME_RULE
from whisperengine.characters.formats import MEDIA
from whisperengine.characters.pictures import FORMATS, SIDES
from whisperengine.characters.schema import SCHEMA
from whisperengine.chat.incoming import MESSAGE_CHARS

NAME: Schema = {
    "type": "string",
    "pattern": SCHEMA["properties"]["name"]["pattern"],
    "description": f"The name of a character: {NAME_RULE}.",
    "_errors": {"pattern": ("invalid_name", f"A name is {NAME_RULE}.")},
}
# `cdl` and `name` are filled in where they are missing.
DEFINITION: Schema = {**SCHEMA, "title": "Definition", "required": []}

_SUMMARY: dict[str, Schema] = {
    "name": STRING,
    "display_name": STRING,
    "description": STRING,
    "archetype": STRING,
    "tags": list_of(STRING),
    "color": nullable(string("Its accent, such as #9ad1d4; null where its author chose none.")),
    "version": INTEGER,
    "archived": BOOLEAN,
    "builtin": flag("Shipped with the program, and not edited."),
    "created_at": TIME,
    "updated_at": TIME,
    "avatar": string("Address of its picture; it changes with the picture."),
}
SUMMARY = object_of(_SUMMARY, title="CharacterSummary")
CHARACTER = object_of({**_SUMMARY, "definition": DEFINITION}, required=_SUMMARY, title="Character")
ONE = success({"character": CHARACTER})
CHANGE = object_of(
    {
        "path": STRING,
        "kind": one_of("added", "removed", "changed"),
        "before": ANY,
        "after": ANY,
        "text": string("The change in one line."),
    },
    required=("path", "kind", "text"),
    title="Change",
)
PROBLEM = object_of({"path": STRING, "value": STRING, "allowed": STRING, "message": STRING}, title="Problem")
LIST = success(
    {
        "characters": list_of(SUMMARY),
        "tags": list_of(object_of({"tag": STRING, "count": INTEGER})),
        "default": string("The character that answers where none is named."),
    }
)
LIST_QUERY: dict[str, Schema] = {
    "q": string("Searched in names, descriptions and tags."),
    "tag": string("A whole tag."),
    "archived": one_of("false", "true", "all", description="`true`: only those.", default="false"),
}
WRITE = object_of({"name": NAME, "definition": DEFINITION}, required=("definition",))
CHANGED = object_of({"definition": DEFINITION})
PATCH = object_of({"definition": {**OBJECT, "description": "A merge patch (RFC 7396); null takes a field away."}})
CLONE = object_of({"name": NAME}, required=())
IF_MATCH: dict[str, Schema] = {
    "If-Match": {
        "type": "string",
        "pattern": r'^(\*|(W/)?"v[0-9]{1,9}")$',
        "description": "The ETag of the version that was edited; 412 tells what changed since.",
    }
}
VALIDATED = success({"valid": BOOLEAN, "problems": list_of(PROBLEM), "remarks": list_of(STRING)})
CONFLICT = object_of(
    {
        "success": {"type": "boolean", "enum": [False]},
        "error": STRING,
        "code": STRING,
        "current": CHARACTER,
        "changes": list_of(CHANGE, "From the version that was edited to the current one."),
    },
    required=("success", "error", "code"),
    title="VersionConflict",
)
SAVED: dict[str, Any] = {"headers": IF_MATCH, "answers": {200: ONE, 412: CONFLICT}, "fails": (409,)}
"""How every route describes itself that saves a new version."""
TEMPLATE = Content({"application/yaml": ANY, "application/json": success({"definition": DEFINITION})})

NUMBER = integer(1, 999_999_999, "Number of a version.")
VERSIONS = success(
    {
        "versions": list_of(
            object_of(
                {
                    "version": INTEGER,
                    "saved_at": TIME,
                    "by": string("Beginning of the key it was saved with; empty when none was needed."),
                    "summary": STRING,
                    "current": BOOLEAN,
                },
                title="CharacterVersion",
            )
        )
    }
)
VERSION = success({"version": INTEGER, "definition": DEFINITION, "changes": list_of(CHANGE)})

UPLOAD = Content(
    {
        "multipart/form-data": object_of(
            {
                "file": string("The file, up to 25 MiB.", format="binary"),
                "dry_run": one_of("0", "1", description="1: only say what would come in."),
                "on_conflict": one_of("fail", "replace", "rename"),
                "name": {**NAME, "description": "The name it gets; for a lorebook alone, the character that gets it."},
            },
            required=("file",),
        )
    }
)
_REPORT: dict[str, Schema] = {
    "format": STRING,
    "lost": list_of(object_of({"path": STRING, "why": STRING})),
    "warnings": list_of(STRING),
}
IMPORTED = success({"character": CHARACTER, **_REPORT})
PREVIEW_OF_IMPORT = success(
    {
        "dry_run": {"type": "boolean", "enum": [True]},
        "name": STRING,
        "display_name": STRING,
        "exists": BOOLEAN,
        "definition": DEFINITION,
        "has_picture": BOOLEAN,
        "files": INTEGER,
        **_REPORT,
    }
)
EXPORT_FORMATS = ("cdl-json", "cdl-yaml", "v1-json", "v2-json", "v3-json", *MEDIA)
EXPORT_QUERY: dict[str, Schema] = {
    "format": {
        **one_of(*EXPORT_FORMATS, default="cdl-json"),
        "_errors": {"enum": ("unknown_format", f"The format is not known. Use one of {', '.join(EXPORT_FORMATS)}.")},
    },
    "report": flag("What the format has no place for, in the place of the file.", default=False),
}
EXPORTED = Content(
    {
        "application/json": ANY,
        "application/yaml": ANY,
        "application/zip": string(format="binary"),
        "image/png": string(format="binary"),
    }
)

SIZE = {
    "size": {**integer(min(SIDES), max(SIDES), "Side of the square in pixels.", default=512), "enum": list(SIDES)},
    "v": string("What the address in `avatar` has; with it browsers keep the picture for good."),
}
PICTURE = Content({"image/webp": string(format="binary"), "image/svg+xml": STRING})
PICTURE_BODY = Content({f"image/{name.lower()}": string(format="binary") for name in FORMATS})

PROMPT_QUERY: dict[str, Schema] = {
    "user_id": line("Who speaks; nobody in particular when absent."),
    "message": text(QUERY_CHARS, "What is said; a greeting when absent."),
    "channel": line("The conversation whose latest turns are told."),
}
PROMPT_BODY = object_of(
    {"definition": DEFINITION, "user_id": PROMPT_QUERY["user_id"], "message": text(MESSAGE_CHARS)},
    required=("definition",),
)
PROMPT = success(
    {
        "sections": list_of(
            object_of(
                {
                    "name": STRING,
                    "role": one_of("system", "user", "assistant", "talk"),
                    "text": STRING,
                    "tokens": INTEGER,
                    "required": BOOLEAN,
                    "cut": nullable(string("Why something of it is missing; null when it is whole.")),
                },
                title="PromptSection",
            )
        ),
        "tokens": INTEGER,
        "budget": INTEGER,
        "problems": list_of(STRING, "Patterns of the definition that match nothing."),
    }
)
