"""Recall: what a person and a character said before that matters now. One round trip, then scoring in Python.

Three searches inside one person's rows bring candidates: BM25 (with the groundwork, before the message is embedded),
exact cosine similarity on the nearest of a Hamming scan over one-bit sketches, and the most similar of a time that the
question names. Their neighbours come along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import numpy as np

from whisperengine.db.ids import id_at
from whisperengine.db.pool import TURN_SECONDS
from whisperengine.memory import groundwork, scoring
from whisperengine.memory.asked import CHARACTER, PERSON, Asked
from whisperengine.memory.facts import Fact
from whisperengine.memory.groundwork import CANDIDATES, Felt, Groundwork, Summary, Turn
from whisperengine.memory.messages import SESSION_GAP, Place
from whisperengine.memory.relationship import Relationship
from whisperengine.memory.scoring import Candidates
from whisperengine.memory.sketches import SHORTLIST, Shortlist, Sketches

IN_SPAN = 50
REACH = 1

# What /why and the extended metadata show: the parts of the score by what they look at.
EXPLAINED = {
    "semantic": ("dense", "dense_near"),
    "lexical": ("cover",),
    "who": ("who",),
    "when": ("date", "when"),
    "session": ("session",),
    "other": ("asks", "faded"),
}
_WORD = re.compile(r"[^\W_]+")


@dataclass(slots=True)
class Memory:
    """One message that was found, with its score by part. `others` are near-equal ones that it stands for."""

    message_id: int
    by_person: bool
    content: str
    said_at: datetime
    channel: str
    pinned: bool
    score: float
    scores: dict[str, float]
    others: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Recollection:
    memories: list[Memory]
    recent: list[Turn]
    relationship: Relationship
    total_messages: int
    facts: list[Fact] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    feelings: list[Felt] = field(default_factory=list)
    state: Mapping[str, Any] = field(default_factory=dict)

    def forget(self, message_id: int) -> None:
        """Leave out a message: the one being answered, when it was stored before this recall."""
        self.memories = [memory for memory in self.memories if memory.message_id != message_id]
        self.recent = [turn for turn in self.recent if turn.message_id < message_id]

    def tell(self, talk: Sequence[tuple[bool, str]]) -> None:
        """Put the talk as the caller tells it (by the person?, text) in the place of the stored one."""
        now, said = datetime.now(UTC), {text.strip() for _, text in talk}
        self.recent = [Turn(0, by_person, text, now, None) for by_person, text in talk]
        self.memories = [memory for memory in self.memories if memory.content.strip() not in said]


# Look-ups by key are written as laterals with OFFSET 0: joined plainly, a planner that has no statistics yet turns them
# into nested loops over whole CTEs (2 s instead of 10 ms were measured on a database that was minutes old).
STATEMENT = f"""
with newer as materialized (
  select e.message_id from embeddings e
  where e.user_id = $1 and e.character_id = $2 and e.model_id = $3 and e.message_id > $9 and (e.shared or not $4)
  order by e.sketch <~> (binary_quantize($5::halfvec)::bit varying) limit {SHORTLIST}
), dense as materialized (
  select message_id from (
    select e.message_id, e.embedding from embeddings e
    where e.user_id = $1 and e.character_id = $2 and e.message_id = any($8::bigint[]) and e.model_id = $3
      and (e.shared or not $4)
    union all
    select newer.message_id, e.embedding from newer, lateral (
      select e.embedding from embeddings e
      where e.user_id = $1 and e.character_id = $2 and e.message_id = newer.message_id and e.model_id = $3 offset 0) e
  ) e
  order by e.embedding <#> $5::halfvec limit {CANDIDATES}
), spans as materialized (
  select e.message_id from unnest($6::bigint[], $7::bigint[]) span (first, last), lateral (
    select e.message_id, e.embedding from embeddings e
    where e.user_id = $1 and e.character_id = $2 and e.message_id >= span.first and e.message_id < span.last
      and e.model_id = $3 and (e.shared or not $4) offset 0) e
  order by e.embedding <#> $5::halfvec limit {IN_SPAN}
), picked as materialized (
  select message_id from dense union select unnest($10::bigint[]) union select message_id from spans
), around as materialized (
  select distinct on (n.message_id) n.* from picked, lateral (
    select m.session, m.place from messages m
    where m.user_id = $1 and m.character_id = $2 and m.message_id = picked.message_id offset 0) m, lateral (
    select n.message_id, n.session, n.place, n.role, n.content, n.said_at, n.channel, n.pinned, n.importance,
      n.recalled, n.about_from, n.about_to
    from messages n
    where n.user_id = $1 and n.character_id = $2 and n.session = m.session
      and n.place between m.place - {REACH} and m.place + {REACH} and (n.shared or not $4) offset 0) n
)
select m.message_id, m.session, m.place, m.role = 'person', m.content, m.said_at, m.channel, m.pinned, m.importance,
  m.recalled, m.about_from, m.about_to, coalesce(-(e.embedding <#> $5::halfvec), 0)
from around m left join lateral (
  select e.embedding from embeddings e
  where e.user_id = $1 and e.character_id = $2 and e.message_id = m.message_id and e.model_id = $3 offset 0) e on true
order by m.session, m.place
"""


async def recall(
    pool: asyncpg.Pool,
    place: Place,
    asked: Asked,
    embedding: np.ndarray,
    model_id: int,
    *,
    before: int,
    ground: Groundwork | None = None,
    now: datetime | None = None,
    limit: int = 12,
    sketches: Sketches | None = None,
) -> Recollection:
    """The best `limit` memories for what is asked (best first), and the state of things, as of message id `before`.

    `embedding` is of `asked.embedded`; `ground` is laid here where the caller has not done so; `sketches` shorten the
    search for those who talk often. In a shared channel only what was said in shared channels is searched. What stands
    in the recent talk is not repeated as a memory.
    """
    ground = ground or await groundwork.lay(pool, place, asked, before)
    shortlist = sketches.nearest(place, embedding) if sketches else Shortlist()
    rows = await pool.fetch(
        STATEMENT,
        place.user_id,
        place.character_id,
        model_id,
        place.shared,
        embedding,
        [id_at(span.start) for span in asked.spans],
        [id_at(span.end) for span in asked.spans],
        shortlist.message_ids,
        shortlist.until,
        ground.lexical.best,
        timeout=TURN_SECONDS,
    )
    if sketches:
        sketches.note(place, ground.total_messages)
    memories = _ranked(rows, asked, ground, now or datetime.now(UTC))
    shown = {turn.message_id for turn in ground.recent}
    found = (memory for memory in memories if memory.message_id < before and memory.message_id not in shown)
    return Recollection(
        fold(found, limit),
        ground.recent,
        ground.relationship,
        ground.total_messages,
        ground.facts,
        ground.summaries,
        ground.feelings,
        ground.state,
    )


def _ranked(rows: Sequence[asyncpg.Record], asked: Asked, ground: Groundwork, now: datetime) -> Iterator[Memory]:
    """All candidates as memories, best first; made one by one, because only the best are looked at."""
    if not rows:
        return
    lexical, sessions = ground.lexical, np.array([r[1] for r in rows], np.int64)
    candidates = Candidates(
        session=sessions,
        place=np.array([r[2] for r in rows], np.int64),
        cosine=np.array([r[12] for r in rows], np.float32),
        hits=lexical.by_message.of(np.array([r[0] for r in rows], np.int64), lexical.terms),
        idf=scoring.inverse_frequency(ground.total_messages, lexical.counts),
        session_hits=lexical.by_session.of(sessions, lexical.terms),
        session_idf=scoring.inverse_frequency(ground.session, lexical.session_counts),
        who=np.array([(PERSON if r[3] else CHARACTER) in asked.who for r in rows], np.float32),
        date=_dates(rows, asked, ground, now),
        temporal=_temporal(rows, asked),
        question=np.array([r[4].rstrip().endswith("?") for r in rows], np.float32),
        faded=scoring.faded(
            np.array([r[8] for r in rows], np.float32),
            np.array([r[9] for r in rows], np.float32),
            np.array([r[7] for r in rows], bool),
            np.array([(now - r[5]).total_seconds() for r in rows], np.float32),
        ),
    )
    weighted = {name: scoring.WEIGHTS[name] * values for name, values in scoring.parts(candidates).items()}
    score = np.sum(list(weighted.values()), axis=0)
    explained = {name: np.sum([weighted[part] for part in group], axis=0) for name, group in EXPLAINED.items()}
    for i in np.argsort(-score, kind="stable"):
        message_id, _, _, by_person, content, said_at, channel, pinned, *_ = rows[i]
        scores = {name: float(values[i]) for name, values in explained.items()}
        yield Memory(message_id, by_person, content, said_at, channel, pinned, float(score[i]), scores)


def _dates(rows: Sequence[asyncpg.Record], asked: Asked, ground: Groundwork, now: datetime) -> np.ndarray:
    if not asked.spans:
        return np.zeros(len(rows), np.float32)
    if any(span.talk == "previous" for span in asked.spans):
        # A pause has ended the session that is stored as the present one, unless this very message began the next.
        ended = ground.last_at is not None and now - ground.last_at > SESSION_GAP
        previous = ground.session if ended else ground.session - 1
        return np.array([r[1] == previous for r in rows], np.float32)
    return np.array([scoring.date_fit(asked.spans, r[5], (r[10], r[11]) if r[10] else None) for r in rows], np.float32)


def _temporal(rows: Sequence[asyncpg.Record], asked: Asked) -> np.ndarray:
    if not asked.asks_when:
        return np.zeros(len(rows), np.float32)
    return np.array([not scoring.TIME_WORDS.isdisjoint(_WORD.findall(r[4].lower())) for r in rows], np.float32)


def fold(memories: Iterable[Memory], limit: int) -> list[Memory]:
    """The best `limit`, near-equal ones of one speaker folded into the latest of them, which says how many it stands
    for.
    """
    kept: list[Memory] = []
    words: list[frozenset[str]] = []
    for memory in memories:
        own = frozenset(_WORD.findall(memory.content.lower()))
        twin = next(
            (i for i, other in enumerate(kept) if other.by_person == memory.by_person and _alike(own, words[i])), None
        )
        if twin is None:
            if len(kept) == limit:
                break
            kept.append(memory)
            words.append(own)
        else:
            other = kept[twin]
            latest, earlier = (memory, other) if memory.said_at > other.said_at else (other, memory)
            latest.score = max(other.score, memory.score)
            latest.others = [*other.others, *memory.others, earlier.message_id]
            kept[twin] = latest
    return kept


def _alike(one: frozenset[str], two: frozenset[str]) -> bool:
    return len(one & two) > 0.9 * len(one | two) if one or two else one == two
