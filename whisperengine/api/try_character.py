"""POST /api/characters/try: an answer of a character that is not saved."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from whisperengine.api import characters
from whisperengine.api.answers import error_body, timestamp
from whisperengine.api.character_schemas import DEFINITION
from whisperengine.api.chat import ANSWER, EVENTS
from whisperengine.api.context import CALLER, CONTEXT
from whisperengine.api.description import Content, check_body, describe
from whisperengine.api.events import EventStream, ListenerGone
from whisperengine.api.metadata import answer_body
from whisperengine.api.schemas import flag, line, list_of, object_of, one_of, string, text
from whisperengine.api.taking import admitted, counted
from whisperengine.characters.definition import Definition
from whisperengine.characters.store import Character
from whisperengine.chat import stateless
from whisperengine.chat.incoming import MESSAGE_CHARS, Incoming
from whisperengine.chat.turn import OnToken, Turn
from whisperengine.errors import WhisperEngineError

TALK_MOST = 200
UNNAMED = "unnamed"

routes = web.RouteTableDef()


@routes.post("/api/characters/try")
@describe(
    "An answer of a character that is not saved",
    body=object_of(
        {
            "definition": DEFINITION,
            "message": text(MESSAGE_CHARS, "What is said to it."),
            "messages": list_of(
                object_of({"role": one_of("user", "assistant"), "content": string(maxLength=MESSAGE_CHARS)}),
                "The talk so far, oldest first.",
                maxItems=TALK_MOST,
            ),
            "user_name": line("What the character calls the person.", empty=True),
            "stream": flag("Server-sent events instead of one document."),
        },
        required=("definition", "message"),
    ),
    answers=Content({"application/json": ANSWER, "text/event-stream": EVENTS}),
    fails=(502, 504),
)
async def try_character(request: web.Request) -> web.StreamResponse:
    """Nothing is stored and nothing is remembered: the talk is what the caller sends."""
    request.app[CONTEXT].ready()
    body, document = await characters.definition_body(request)
    check_body(request, {**body, "definition": {}})
    definition = await characters.checked({"name": UNNAMED, **document})
    incoming = Incoming(
        platform="api",
        platform_user_id=request[CALLER].subject or "editor",
        character=definition.name,
        text=body["message"],
        channel="",
        display_name=body.get("user_name") or "",
        talk=tuple((said["role"] == "user", said["content"]) for said in body.get("messages") or ()),
    )
    if body.get("stream"):
        return await _streamed(request, definition, incoming)
    return web.json_response(_answer(await _take(request, definition, incoming)))


async def _take(
    request: web.Request, definition: Definition, incoming: Incoming, on_token: OnToken | None = None
) -> Turn:
    context = request.app[CONTEXT]
    now = datetime.now(UTC)
    character = Character(
        id=0,
        name=definition.name,
        definition=definition,
        version=0,
        unedited_builtin=False,
        picture="",
        archived_at=None,
        created_at=now,
        updated_at=now,
    )
    async with admitted(request, incoming.platform_user_id, stream=on_token is not None) as gate:
        await gate
        voice = context.ready().voice
        return await counted(context, stateless.answer_as(character, voice, incoming, on_token))


async def _streamed(request: web.Request, definition: Definition, incoming: Incoming) -> web.StreamResponse:
    """The events of /api/chat."""
    stream = EventStream(request)
    try:
        turn = await stream.during(
            _take(request, definition, incoming, lambda piece: stream.send({"token": piece}, "token"))
        )
        await stream.send(_answer(turn), "done")
    except ListenerGone:
        return stream.left()
    except WhisperEngineError as error:
        if not stream.begun:
            raise
        await stream.send(error_body(error), "error")
    return await stream.end()


def _answer(turn: Turn) -> dict[str, object]:
    return answer_body(turn, "basic", turn.character.name, timestamp())
