"""Callers who keep the talk themselves and send all of it each time: what of it is new, edited, or to be said anew.

The channel of such a talk is `openai:` and 16 hexadecimal digits of the SHA-256 of the person's first message; a later
talk that begins with the same words gets `-` and a number behind it. A talk that the caller names is `openai:id:NAME`.
Callers cut the beginning off a long talk, so a talk is also known by the last answer in it.

Only the person's last message becomes a turn. When the store knows more than the caller, the caller has gone back: the
message in that place is edited or answered anew, and what came after it is forgotten. Nothing is forgotten unless all
that both know agrees; a caller whose past differs is in another talk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import asyncpg

from whisperengine.characters.store import Character
from whisperengine.chat.incoming import Incoming, clean_text
from whisperengine.chat.turn import Turns
from whisperengine.db.ids import new_id
from whisperengine.memory import corrections, threads
from whisperengine.memory.people import Person
from whisperengine.memory.threads import Line

PREFIX = "openai:"

Said = tuple[bool, str]
"""By the person (or by the character), and the text."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a talk goes on. `rest` is stored beyond what the caller knows, `changed` are messages of the past that the
    caller has in other words.
    """

    channel: str
    rest: tuple[Line, ...] = ()
    changed: tuple[tuple[Line, str], ...] = ()


def merged(talk: Iterable[Said]) -> list[Said]:
    """Neighbours of one speaker as one message."""
    found: list[Said] = []
    for by_person, text in talk:
        if found and found[-1][0] == by_person:
            found[-1] = (by_person, found[-1][1] + "\n\n" + text)
        else:
            found.append((by_person, text))
    return found


def channel_of(talk: Sequence[Said], name: str = "") -> str:
    """The channel of a talk whose messages are `talk`, or which the caller calls `name`."""
    if name:
        return f"{PREFIX}id:{name}"
    first = next(text for by_person, text in talk if by_person)
    return PREFIX + hashlib.sha256(_plain(first).encode("utf-8", "replace")).hexdigest()[:16]


def continued(talk: Sequence[Said], channel: str, stored: Mapping[str, Sequence[Line]], *, named: bool) -> Continuation:
    """Where `talk`, whose last message is the person's and new, goes on among the stored threads. Pure."""
    *before, (_, message) = talk
    if not any(by_person for by_person, _ in before):
        return _opening(message, channel, stored, named)
    best: tuple[int, Continuation] | None = None
    for name, lines in stored.items():
        found = _aligned(before, lines)
        if found and (best is None or found[0] >= best[0]):
            best = found[0], Continuation(name, found[1], found[2])
    if best:
        return best[1]
    return Continuation(channel if named or channel not in stored else _namesake(channel))


def _opening(message: str, channel: str, stored: Mapping[str, Sequence[Line]], named: bool) -> Continuation:
    """The first message of a talk, again when the talk has not gone beyond its answer."""
    latest = max((name for name in stored), key=lambda name: stored[name][-1].message_id, default=None)
    if latest is None:
        return Continuation(channel)
    lines = stored[latest]
    if len(lines) <= 2 and lines[0].by_person and _same(message, lines[0]):
        return Continuation(latest, tuple(lines))
    return Continuation(channel if named else _namesake(channel))


def _namesake(channel: str) -> str:
    return f"{channel}-{new_id():x}"


def _aligned(
    before: Sequence[Said], lines: Sequence[Line]
) -> tuple[int, tuple[Line, ...], tuple[tuple[Line, str], ...]] | None:
    """The best agreement of the caller's past with a thread: how much agrees, what lies beyond it, what differs.

    None when nothing agrees, or too little to tell an edited message from another talk.
    """
    best = None
    for offset in range(1 - len(before), len(lines)):
        pairs = [(said, lines[index + offset]) for index, said in enumerate(before) if 0 <= index + offset < len(lines)]
        if any(said[0] != line.by_person for said, line in pairs):
            continue
        changed = tuple((line, said[1]) for said, line in pairs if not _same(said[1], line))
        agreed = len(pairs) - len(changed)
        rest = tuple(lines[len(before) + offset :])
        if agreed and (not changed or (agreed >= 2 * len(changed) and not rest)):
            score = agreed - 2 * len(changed)
            if best is None or score >= best[0]:
                best = score, rest, changed
    return best


def _same(text: str, line: Line) -> bool:
    said, stored = _plain(text), _plain(line.content)
    if line.interrupted:
        # The caller may have seen less of it than was kept, or more.
        return bool(said) and (said.startswith(stored) or stored.startswith(said))
    return said == stored


def _plain(text: str) -> str:
    return " ".join(text.split())


async def placed(
    pool: asyncpg.Pool,
    turns: Turns,
    incoming: Incoming,
    character: Character,
    person: Person,
    talk: Sequence[Said],
    name: str = "",
) -> Incoming:
    """`incoming` in its channel, with what the caller took back corrected in the store.

    `talk` ends with the person's new message. Edits and deletions follow `memory/corrections.py`: what had been learned
    from the words goes with them.
    """
    channel = channel_of(talk, name)
    echo = None if name else next((text.strip() for by_person, text in reversed(talk) if not by_person), None)
    stored = await threads.lines(pool, person.user_id, character.id, channel, PREFIX, echo)
    found = continued(talk, channel, stored, named=bool(name))
    for line, text in found.changed:
        await turns.memories.edit(person, character, line.message_id, clean_text(text, limit=len(text) + 1))
    key = await _gone_back(pool, turns, character, person, found.rest, incoming.text)
    return replace(
        incoming,
        channel=found.channel,
        talk=tuple(talk[:-1]),
        idempotency_key=key or incoming.idempotency_key or f"{PREFIX}{new_id():x}",
    )


async def _gone_back(
    pool: asyncpg.Pool, turns: Turns, character: Character, person: Person, rest: Sequence[Line], text: str
) -> str | None:
    """Take back what the caller no longer has; returns the key of the message that is to be answered anew."""
    if not rest or not rest[0].by_person:
        return None
    first, *later = rest
    for line in reversed(later):
        if line.by_person:
            await corrections.delete(pool, person.user_id, character.id, line.message_id)
    if first.request_key is None:
        await corrections.delete(pool, person.user_id, character.id, first.message_id)
        return None
    if later and not later[0].by_person:
        await corrections.discard_answer(pool, person.user_id, character.id, later[0].message_id)
    text = clean_text(text)
    if first.content != text:
        await turns.memories.edit(person, character, first.message_id, text)
    return first.request_key
