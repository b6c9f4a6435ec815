"""What people see and change of what is kept of them, asked for from Discord."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from whisperengine.characters import store
from whisperengine.characters.store import Character
from whisperengine.chat.cast import Cast
from whisperengine.chat.incoming import Incoming, clean_text
from whisperengine.chat.turn import Turns
from whisperengine.db.pool import reachable
from whisperengine.discord.heart import PLATFORM, Asker, Memory
from whisperengine.errors import TooLargeError
from whisperengine.memory import browse, corrections, erasure, export, facts, links, people
from whisperengine.memory.corrections import Stored
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person
from whisperengine.memory.recall import EXPLAINED

SHOWN_CHARS = 200
SPLIT = "split"
EXPORT_BYTES = 9_500_000
FACT = "fact:"
FEELINGS_SINCE = timedelta(days=30)


def request_key(message: str) -> str:
    """The name of a Discord message among all requests of a person, whom other platforms may share."""
    return f"{PLATFORM}:{message}"


class Records:
    """The part of the Heart that is about what is kept. Commands are answered for the person's eyes alone, so what was
    said in private is shown too.
    """

    def __init__(self, pool: asyncpg.Pool, dsn: str, turns: Turns, cast: Cast) -> None:
        self._pool, self._dsn, self._turns, self._cast = pool, dsn, turns, cast

    async def remember(self, asker: Asker, text: str) -> None:
        if found := await self._stored(asker):
            character, person, stored = found
            with reachable(self._dsn):
                await corrections.pin(self._pool, person.user_id, character.id, stored.message_id, True)
            return
        text = clean_text(text, limit=facts.TEXT_CHARS)
        character, person = await self._turns.whom(_incoming(asker))
        told = facts.Learned("told", f"told:{text.casefold()}", text, text, 1.0, "person", None, datetime.now(UTC))
        with reachable(self._dsn):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(
                    "insert into conversations (user_id, character_id) values ($1, $2) on conflict do nothing",
                    person.user_id,
                    character.id,
                )
                await facts.learn(connection, person.user_id, character.id, told, asker.shared)

    async def memories(self, asker: Asker, query: str, limit: int) -> list[Memory]:
        found = await self._known(asker)
        if found is None:
            return []
        character, person = found
        zone = ZoneInfo(person.time_zone)
        if not query.strip():
            with reachable(self._dsn):
                rows = await browse.messages(
                    self._pool, person.user_id, character.id, before=None, channel=None, limit=2 * limit
                )
            said = [row for row in rows if row["role"] == "person"][:limit]
            return [_memory(row["message_id"], row["content"], row["said_at"], zone) for row in said]
        known = await self._facts(person, character)
        listed = [
            Memory(id=f"{FACT}{fact.fact_id}", text=fact.text, when=f"{fact.valid_from.astimezone(zone):%Y-%m-%d}")
            for fact in known
            if query.casefold() in fact.text.casefold()
        ]
        place = Place(person.user_id, character.id, "", shared=False)
        recalled = await self._turns.memories.search(place, clean_text(query), person, character, limit=limit)
        listed += [_memory(one.message_id, one.content, one.said_at, zone) for one in recalled]
        return listed[:limit]

    async def forget(self, asker: Asker, memory: str) -> bool:
        if not memory:
            found = await self._stored(asker)
            if found is None:
                return False
            character, person, stored = found
            memory = str(stored.message_id)
        elif known := await self._known(asker):
            character, person = known
        else:
            return False
        number = memory.removeprefix(FACT)
        if not number.isdecimal() or int(number) >= 1 << 63:
            return False
        with reachable(self._dsn):
            if memory.startswith(FACT):
                async with self._pool.acquire() as connection, connection.transaction():
                    return await facts.forget(connection, person.user_id, character.id, int(number))
            return bool(await corrections.delete(self._pool, person.user_id, character.id, int(number)))

    async def facts(self, asker: Asker) -> list[str]:
        found = await self._known(asker)
        return [fact.text for fact in await self._facts(found[1], found[0])] if found else []

    async def mood(self, asker: Asker) -> str:
        found = await self._known(asker)
        stands = rows = None
        if found:
            character, person = found
            with reachable(self._dsn):
                stands = await browse.relationship(self._pool, person.user_id, character.id, 1)
                since = datetime.now(UTC) - FEELINGS_SINCE
                rows = await browse.feelings(self._pool, person.user_id, character.id, since, 20)
        if stands is None:
            return "We have not talked yet."
        mine = [row["feeling"] for row in rows or () if row["role"] == "character"]
        theirs = [row["feeling"] for row in rows or () if row["role"] == "person"]
        lines = [f"What I felt last: {_row(mine)}."] if mine else []
        if theirs:
            lines.append(f"What I heard from you: {_row(theirs)}.")
        percents = ", ".join(f"{name} {stands[name]:.0%}" for name in ("trust", "affection", "attunement"))
        turns = stands["interactions"]
        lines.append(f"Where we stand: {percents}, after {turns} turn{'' if turns == 1 else 's'}.")
        return "\n".join(lines)

    async def why(self, asker: Asker) -> str:
        """Found anew, as the message would find it among all that was said before it."""
        found = await self._stored(asker)
        if found is None:
            return "I have forgotten what I answered there."
        character, person, stored = found
        zone = ZoneInfo(person.time_zone)
        place = Place(person.user_id, character.id, "", stored.shared)
        recalled = await self._turns.memories.search(place, stored.content, person, character, limit=30)
        lines = [
            f"{one.said_at.astimezone(zone):%Y-%m-%d}: {_short(one.content)} ({_reason(one.scores)})"
            for one in recalled
            if one.message_id < stored.message_id
        ][:5]
        known = facts.for_prompt(await self._all_facts(person, character), place)
        lines += [f"What I know of you: {'; '.join(fact.text for fact in known[:10])}"] if known else []
        if not lines:
            return "I went by your message alone; nothing that you said before came to mind."
        return "\n".join([f"You wrote: {_short(stored.content)}", "That brought to mind:", *lines])

    async def export(self, asker: Asker) -> bytes:
        found = await self._known(asker)
        document = []
        size = 0
        if found:
            with reachable(self._dsn):
                async for record in export.records(self._pool, found[1].user_id):
                    text = json.dumps(record, ensure_ascii=False)
                    size += len(text.encode()) + 2
                    if size > EXPORT_BYTES:
                        raise TooLargeError(
                            "There is more than Discord lets me attach. Whoever runs me gets it with "
                            f"`whisperengine user export {asker.user} --platform {PLATFORM}`."
                        )
                    document.append(text)
        head = json.dumps({"format": export.FORMAT, "version": export.VERSION})[:-1]
        return "".join((head, ', "records": [\n', ",\n".join(document), "\n]}\n")).encode()

    async def erase(self, asker: Asker) -> int:
        with reachable(self._dsn):
            person = await people.find(self._pool, PLATFORM, asker.user)
            if person is None:
                return 0
            counts = await erasure.erase(self._pool, person.user_id)
        self._turns.forget_person(person.user_id)
        return counts["messages"]

    async def link(self, asker: Asker, code: str) -> str:
        with reachable(self._dsn):
            if not code:
                made = await links.start(self._pool, PLATFORM, asker.user)
                return (
                    f"Your code is {made.code}. Within ten minutes, enter it where you want to be the same person as "
                    "here; on Discord with /link and the code."
                )
            if code.lower() == SPLIT:
                await links.split(self._pool, PLATFORM, asker.user)
                return "This account is a person of its own again, with what it had brought along."
            await links.join(self._pool, PLATFORM, asker.user, code)
        return f"You are the same person here and there now. `/link {SPLIT}` undoes it."

    async def _known(self, asker: Asker) -> tuple[Character, Person] | None:
        """The character and the person; None for somebody who was never here. Raises NotFoundError for a character
        that there is not.
        """
        with reachable(self._dsn):
            person = await people.find(self._pool, PLATFORM, asker.user)
            return (await self._cast.get(asker.character), person) if person else None

    async def _stored(self, asker: Asker) -> tuple[Character, Person, Stored] | None:
        """The message `asker.request_key` in the store."""
        with reachable(self._dsn):
            person = await people.find(self._pool, PLATFORM, asker.user)
            # What is deleted is forgotten by archived characters too.
            character = await store.get(self._pool, asker.character, archived=True)
            if person is None or character is None or not asker.request_key:
                return None
            key = request_key(asker.request_key)
            stored = await corrections.asked_as(self._pool, person.user_id, character.id, key)
        return (character, person, stored) if stored else None

    async def _facts(self, person: Person, character: Character) -> list[facts.Fact]:
        known = await self._all_facts(person, character)
        return facts.for_prompt(known, Place(person.user_id, character.id, "", shared=False))

    async def _all_facts(self, person: Person, character: Character) -> list[facts.Fact]:
        with reachable(self._dsn):
            return await facts.of_person(self._pool, person.user_id, character.id)


def _incoming(asker: Asker) -> Incoming:
    return Incoming(
        platform=PLATFORM,
        platform_user_id=asker.user,
        display_name=asker.name,
        character=asker.character,
        text="",
        channel=asker.channel,
        shared=asker.shared,
    )


def _memory(message_id: int, content: str, said_at: datetime, zone: ZoneInfo) -> Memory:
    return Memory(id=str(message_id), text=_short(content), when=f"{said_at.astimezone(zone):%Y-%m-%d}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…"


def _row(feelings: list[str]) -> str:
    """The last few, each once, the latest first."""
    return ", before that ".join(list(dict.fromkeys(reversed(feelings)))[:3])


def _reason(scores: dict[str, float]) -> str:
    said = {
        "semantic": "it means something alike",
        "lexical": "it has the same words",
        "who": "you asked who said it",
        "when": "it was at that time",
        "session": "it was part of the same talk",
    }
    weights = {name: sum(scores.get(part, 0.0) for part in EXPLAINED[name]) for name in said}
    return said[max(weights, key=lambda name: weights[name])]
