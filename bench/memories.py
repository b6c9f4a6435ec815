"""Fills the tables with made-up memories, seeded, by COPY; told long ago, nothing is left to learn from them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np

from whisperengine.db.ids import id_at, new_id
from whisperengine.memory.terms import search_text

VOCABULARY = 20_000
SITTING = 40
"""Messages of one session. The first session is that of the turns which made the person, the last that of those to
come: no two messages have one place.
"""
REPOSITORY = Path(__file__).parents[1]
BATCH = 5_000

_INSERT = """
with given as (select *, to_tsvector('english', searched) as terms from incoming),
stored as (
  insert into messages (user_id, character_id, message_id, role, channel, shared, session, place, said_at, content,
                        feeling, intensity, terms, term_count, learned)
  select user_id, character_id, message_id, role, 'api:old', false, session, place, said_at, content,
         'neutral', 0, terms, length(terms), true
  from given
), counted as (
  update conversations c set messages = c.messages + g.n, terms = c.terms + g.total,
    session = g.session + 1, place = 0
  from (select user_id, character_id, count(*) as n, sum(length(terms)) as total, max(session) as session
        from given group by 1, 2) g
  where c.user_id = g.user_id and c.character_id = g.character_id
)
insert into embeddings (user_id, character_id, model_id, message_id, shared, embedding)
select user_id, character_id, $1, message_id, false, embedding from given
"""


FUNCTION_WORDS = [
    "i",
    "you",
    "he",
    "she",
    "it",
    "we",
    "they",
    "my",
    "your",
    "me",
    "a",
    "an",
    "the",
    "this",
    "that",
    "and",
    "or",
    "but",
    "so",
    "if",
    "in",
    "on",
    "at",
    "to",
    "of",
    "for",
    "with",
    "from",
    "by",
    "as",
    "is",
    "are",
    "was",
    "were",
    "be",
    "have",
    "has",
    "had",
    "do",
    "does",
    "did",
    "will",
    "would",
    "can",
    "not",
    "no",
    "what",
    "when",
    "who",
    "how",
    "there",
    "here",
    "then",
    "than",
    "very",
    "just",
    "too",
]


class Words:
    """Sentences with the statistics of talk: every other word a function word, the rest after Zipf and Mandelbrot."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        found: Counter[str] = Counter()
        for pattern in ("whisperengine/characters/builtin/*.json", "whisperengine/**/*.py", "docs/*.md"):
            for path in sorted(REPOSITORY.glob(pattern)):
                found.update(re.findall(r"[a-z]{3,}", path.read_text().lower()))
        self._words = sorted(word for word, _ in found.most_common(VOCABULARY) if word not in FUNCTION_WORDS)
        self._random.shuffle(self._words)
        weights = 1 / (np.arange(len(self._words)) + 30)
        self._chances = np.cumsum(weights / weights.sum())

    def sentence(self, words: int) -> str:
        picks = np.searchsorted(self._chances, self._random.random(words))
        functions = self._random.integers(0, len(FUNCTION_WORDS), words)
        return " ".join(
            FUNCTION_WORDS[functions[n]] if n % 2 else self._words[min(pick, len(self._words) - 1)]
            for n, pick in enumerate(picks)
        )

    def vector(self, dimensions: int = 384) -> np.ndarray:
        values = self._random.normal(size=dimensions).astype(np.float32)
        return values / np.linalg.norm(values)

    def length(self) -> int:
        return int(self._random.integers(5, 30))


async def fill(
    connection: asyncpg.Connection,
    owners: list[tuple[int, int, int]],
    model_id: int,
    seed: int = 1,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Give each (user_id, character_id, count) that many memories over two years, interleaved as time goes by.

    Users must exist. `progress` hears how many rows there are. Returns their number.
    """
    words = Words(seed)
    order = np.repeat(np.arange(len(owners)), [count for *_, count in owners])
    np.random.default_rng(seed).shuffle(order)
    await connection.executemany(
        "insert into conversations (user_id, character_id) values ($1, $2) on conflict do nothing",
        [owner[:2] for owner in owners],
    )
    await connection.execute(
        "create temp table if not exists incoming (user_id bigint, character_id bigint, message_id bigint, role text, "
        "session integer, place integer, said_at timestamptz, content text, searched text, embedding halfvec)"
    )
    start = datetime.now(UTC) - timedelta(days=400)
    step = timedelta(days=399) / max(len(order), 1)

    def made(begin: int) -> list[tuple]:
        return list(_rows(owners, order[begin : begin + BATCH], begin, start, step, words))

    making = asyncio.create_task(asyncio.to_thread(made, 0))
    for begin in range(0, len(order), BATCH):
        rows = await making
        # The next are made while the server takes these.
        making = asyncio.create_task(asyncio.to_thread(made, begin + BATCH))
        await connection.copy_records_to_table("incoming", records=rows)
        await connection.execute(_INSERT, model_id)
        await connection.execute("truncate incoming")
        progress(begin + len(rows))
    await making
    await connection.execute("vacuum analyze messages")
    await connection.execute("vacuum analyze embeddings")
    await connection.execute("vacuum analyze conversations")
    return len(order)


def _rows(owners, order, begin: int, start: datetime, step: timedelta, words: Words) -> Iterator[tuple]:
    for offset, owner in enumerate(order):
        position = begin + offset
        said_at = start + position * step
        text = words.sentence(words.length())
        user_id, character_id, _ = owners[owner]
        yield (
            user_id,
            character_id,
            id_at(said_at) + (new_id() & 0x3FFFFF),
            "person" if position % 2 else "character",
            position // SITTING + 2,
            position % SITTING,
            said_at,
            text,
            search_text(text),
            words.vector(),
        )
