"""A turn as the offline mode needs it to answer without a model."""

from __future__ import annotations

from datetime import datetime

from whisperengine.chat.greetings import written
from whisperengine.chat.situation import local
from whisperengine.chat.taken import Turn
from whisperengine.chat.voice import OFFLINE
from whisperengine.llm.offline import OfflineMemory, OfflineScene


def offline_scene(turn: Turn, text: str, now: datetime) -> OfflineScene:
    """What the offline mode needs to answer without a model."""
    definition, recollection = turn.character.definition, turn.recollection
    here = local(now, turn.person.time_zone)

    def quoted(content: str, by_person: bool, said_at: datetime, score: float) -> OfflineMemory:
        speaker = turn.person.display_name if by_person else definition.called
        return OfflineMemory(content, speaker, said_at, score, by_person)

    return OfflineScene(
        character_name=definition.called,
        greeting=written(definition, (definition.greeting,), turn.person.display_name, here)[0],
        catchphrases=written(definition, definition.catchphrases, turn.person.display_name, here),
        message=text,
        person_name=turn.person.display_name,
        first_turn=not recollection.relationship.interactions,
        told_once=any(earlier.model == OFFLINE for earlier in recollection.recent),
        memories=(
            *(
                quoted(memory.content, memory.by_person, memory.said_at, memory.score)
                for memory in recollection.memories
            ),
            *(quoted(earlier.content, earlier.by_person, earlier.said_at, 0.0) for earlier in recollection.recent),
        ),
        emotion=turn.feeling.primary,
        intensity=turn.feeling.intensity,
        now=now,
        salt=turn.message_id,
    )
