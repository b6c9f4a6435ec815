"""Learning moments: now and then the character is told to bring up, by itself, what it once was told."""

from __future__ import annotations

from datetime import datetime, timedelta

from whisperengine.chat.state import State
from whisperengine.memory.recall import Memory, Recollection

EVERY_TURNS = 8
ACQUAINTED_TURNS = 4
OLD_ENOUGH = timedelta(days=3)
LOOKED_AT = 3
LEAST_WORDS = 5

DIRECTION = (
    "One of the memories is marked “worth bringing up”. If it fits what is being said, mention once and in passing "
    "that you remember it; else leave it."
)


def moment(recollection: Recollection, state: State, now: datetime) -> Memory | None:
    """The memory to bring up in this turn, or None: at most every eighth turn, never the same one twice in a row, and
    only what the person told, some days ago, and what belongs to what is being said.
    """
    turn = recollection.relationship.interactions + 1
    if turn <= ACQUAINTED_TURNS or (state.recalled and turn - state.recalled < EVERY_TURNS):
        return None
    return next(
        (
            memory
            for memory in recollection.memories[:LOOKED_AT]
            if memory.by_person
            and memory.message_id != state.about
            and now - memory.said_at >= OLD_ENOUGH
            and len(memory.content.split()) >= LEAST_WORDS
            and not memory.content.rstrip().endswith("?")
        ),
        None,
    )
