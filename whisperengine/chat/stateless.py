"""A character without memory: the caller's talk and nothing else goes in, nothing is kept."""

from __future__ import annotations

from datetime import UTC, datetime

from whisperengine.characters.store import Character
from whisperengine.chat import prompt
from whisperengine.chat.cast import Cast
from whisperengine.chat.incoming import Incoming, clean_text
from whisperengine.chat.offline_scene import offline_scene
from whisperengine.chat.script import prepare
from whisperengine.chat.turn import OnToken, Turn
from whisperengine.chat.voice import Voice
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.emotion.trajectory import follow
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Recollection
from whisperengine.memory.relationship import Relationship

UNREAD = EmotionReading("neutral", 0.0, 0.0, (), {}, {}, "none")


async def answer(cast: Cast, voice: Voice, incoming: Incoming, on_token: OnToken | None = None) -> Turn:
    """The character's answer to `incoming` after `incoming.talk`. Raises as `Turns.take` does."""
    return await answer_as(await cast.get(incoming.character), voice, incoming, on_token)


async def answer_as(character: Character, voice: Voice, incoming: Incoming, on_token: OnToken | None = None) -> Turn:
    """The same from a character that need not be stored."""
    text, now = clean_text(incoming.text), datetime.now(UTC)
    recollection = Recollection([], [], Relationship(), 0)
    recollection.tell(incoming.talk or ())
    turn = Turn(
        answer="",
        message_id=0,
        answer_id=0,
        character=character,
        person=Person(0, incoming.display_name, "UTC"),
        feeling=UNREAD,
        answer_feeling=None,
        relationship=recollection.relationship,
        recollection=recollection,
        llm="",
        trajectory=follow([]),
        stored=False,
    )
    await prepare(character.definition)
    section = character.definition.document.get("model")
    turn.composed = composed = prompt.compose(
        character.definition,
        person=turn.person,
        recollection=recollection,
        feeling=turn.feeling,
        message=text,
        scene=incoming.scene,
        now=now,
        budget=voice.budget(section),
    )
    messages = prompt.extended(composed.messages, incoming.images, incoming.after)
    spoken = await voice.speak(messages, lambda: offline_scene(turn, text, now), on_token, incoming.parameters, section)
    turn.answer, turn.llm, turn.tool_calls = spoken.text, spoken.llm, spoken.tool_calls
    turn.finish_reason = spoken.finish_reason
    turn.prompt_tokens, turn.completion_tokens = spoken.prompt_tokens, spoken.completion_tokens
    return turn
