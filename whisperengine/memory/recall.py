"""Recall: what a person and a character said before that matters now. One round trip, then scoring in Python.

Three searches inside one person's rows bring candidates: BM25 over term hashes scoped to the person (k1 = 0.9, b =
0.3), exact cosine similarity on the nearest of a Hamming scan over one-bit sketches, and the most similar of a time
that the question names. Their
neighbours come along.
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
from whisperengine.memory import scoring
from whisperengine.memory.asked import CHARACTER, PERSON, Asked
from whisperengine.memory.facts import Fact, for_prompt
from whisperengine.memory.messages import SESSION_GAP, Place
from whisperengine.memory.relationship import Relationship
from whisperengine.memory.scoring import Candidates
from whisperengine.memory.sketches import SHORTLIST, Shortlist, Sketches

CANDIDATES = 40
IN_SPAN = 50
RECENT = 20
FEELINGS = 12
FACTS = 60
TERMS = 60
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


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the recent talk, oldest first."""

    message_id: int
    by_person: bool
    content: str
    said_at: datetime
    model: str | None


@dataclass(frozen=True, slots=True)
class Felt:
    """The feeling of one earlier message, oldest first."""

    said_at: datetime
    feeling: str
    intensity: float
    by_person: bool


@dataclass(frozen=True, slots=True)
class Summary:
    text: str
    first_message_id: int
    last_message_id: int
    created_at: datetime


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
# into nested
# loops over whole CTEs (2 s instead of 10 ms were measured on a database that was minutes old).
STATEMENT = f"""
with near as materialized (
  select unnest($11::bigint[]) as message_id union all (
    select e.message_id from embeddings e
    where e.user_id = $1 and e.character_id = $2 and e.model_id = $3 and e.message_id > $12 and (e.shared or not $4)
    order by e.sketch <~> (binary_quantize($5::halfvec)::bit varying) limit {SHORTLIST})
), dense as materialized (
  select near.message_id from near, lateral (
    select e.embedding from embeddings e
    where e.user_id = $1 and e.character_id = $2 and e.message_id = near.message_id and e.model_id = $3
      and (e.shared or not $4) offset 0) e
  order by e.embedding <#> $5::halfvec limit {CANDIDATES}
), spans as materialized (
  select e.message_id from unnest($9::bigint[], $10::bigint[]) span (first, last), lateral (
    select e.message_id, e.embedding from embeddings e
    where e.user_id = $1 and e.character_id = $2 and e.message_id >= span.first and e.message_id < span.last
      and e.model_id = $3 and (e.shared or not $4) offset 0) e
  order by e.embedding <#> $5::halfvec limit {IN_SPAN}
), query as materialized (
  select lexeme, (row_number() over ())::integer - 1 as number,
    hashtextextended($1::bigint || ':' || $2::bigint || ':' || lexeme, 0) as hash
  from unnest(tsvector_to_array(to_tsvector('english', $6))) lexeme limit {TERMS}
), hit as materialized (
  -- The hash names the owner too: within, the index of terms is the only way, whatever the planner knows of the table.
  select m.message_id, m.session, m.term_count, q.number
  from query q, lateral (
    select * from messages
    where owned_terms(user_id, character_id, tsvector_to_array(terms)) @> array[q.hash] offset 0) m
  where m.user_id = $1 and m.character_id = $2 and (m.shared or not $4)
), total as (
  select messages::float8 as n, greatest(1, terms)::float8 / greatest(1, messages) as average, session, last_at
  from conversations where user_id = $1 and character_id = $2
), rarity as materialized (
  select number, count(*) as messages, count(distinct session) as sessions,
    ln(1 + (greatest((select n from total), count(*)) - count(*) + 0.5) / (count(*) + 0.5)) as idf
  from hit group by number
), lexical as materialized (
  select message_id
  from hit join rarity using (number) group by message_id
  order by sum(idf * 1.9 / (1 + 0.9 * (0.7 + 0.3::float8 * term_count / (select average from total)))) desc
  limit {CANDIDATES}
), held as materialized (
  select message_id, bit_or(1::bigint << number) as terms from hit group by message_id
), picked as materialized (
  select message_id from dense union select message_id from lexical union select message_id from spans
), around as materialized (
  select distinct on (n.message_id) n.* from picked, lateral (
    select m.session, m.place from messages m
    where m.user_id = $1 and m.character_id = $2 and m.message_id = picked.message_id offset 0) m, lateral (
    select n.message_id, n.session, n.place, n.role, n.content, n.said_at, n.channel, n.pinned, n.importance,
      n.recalled, n.about_from, n.about_to
    from messages n
    where n.user_id = $1 and n.character_id = $2 and n.session = m.session
      and n.place between m.place - {REACH} and m.place + {REACH} and (n.shared or not $4) offset 0) n
), known as (
  select f.* from facts f where f.user_id = $1 and f.character_id = $2 and f.superseded_at is null
    and (f.shared or not $4) order by f.pinned desc, f.confidence desc, f.fact_id desc limit {FACTS}
)
select
  array(
    select row(m.message_id, m.session, m.place, m.role = 'person', m.content, m.said_at, m.channel, m.pinned,
      m.importance, m.recalled, m.about_from, m.about_to, coalesce(-(e.embedding <#> $5::halfvec), 0)
)
    from around m left join lateral (
      select e.embedding from embeddings e
      where e.user_id = $1 and e.character_id = $2 and e.message_id = m.message_id and e.model_id = $3 offset 0) e
      on true
    order by m.session, m.place
  ) as candidates,
  array(select row(message_id, terms) from held where (message_id in (select message_id from around)) is true) as held,
  array(select row(number, messages, sessions) from rarity order by number) as rarity,
  array(select row(session, bit_or(1::bigint << number)) from hit group by session) as sessions,
  array(
    select row(m.message_id, m.role = 'person', m.content, m.said_at, m.model) from messages m
    where m.user_id = $1 and m.character_id = $2 and m.channel = $7 and m.message_id < $8
    order by m.message_id desc limit {RECENT}
  ) as recent,
  array(
    select row(m.said_at, m.feeling, m.intensity, m.role = 'person') from messages m
    where m.user_id = $1 and m.character_id = $2 and (m.shared or not $4)
      and m.feeling is not null and m.message_id < $8
    order by m.message_id desc limit {2 * FEELINGS}
  ) as feelings,
  array(
    select row(fact_id, kind, slot, value, text, confidence, shared, pinned, origin, valid_from, superseded_at,
      superseded_by, array[]::bigint[]) from known
  ) as facts,
  array(
    select row(s.text, s.first_message_id, s.last_message_id, s.created_at) from summaries s
    where s.user_id = $1 and s.character_id = $2 and s.channel = $7 and (s.shared or not $4)
    order by s.last_message_id desc limit 3
  ) as summaries,
  (select row(trust, affection, attunement, interactions, first_at, last_at)
   from relationships where user_id = $1 and character_id = $2) as relationship,
  (select state -> case when $4 then 'shared' else 'private' end
   from relationships where user_id = $1 and character_id = $2) as state,
  (select row(n::bigint, session, last_at) from total) as total
"""


async def recall(
    pool: asyncpg.Pool,
    place: Place,
    asked: Asked,
    embedding: np.ndarray,
    model_id: int,
    *,
    before: int,
    now: datetime | None = None,
    limit: int = 12,
    sketches: Sketches | None = None,
) -> Recollection:
    """The best `limit` memories for what is asked (best first), and the state of things, as of message id `before`.

    `embedding` is of `asked.embedded`; `sketches` shorten the search for those who talk often. In a shared channel only
    what was said in shared channels is searched. What stands in the recent talk is not repeated as a memory.
    """
    shortlist = sketches.nearest(place, embedding) if sketches else Shortlist()
    row = await pool.fetchrow(
        STATEMENT,
        place.user_id,
        place.character_id,
        model_id,
        place.shared,
        embedding,
        asked.lexical,
        place.channel,
        before,
        [id_at(span.start) for span in asked.spans],
        [id_at(span.end) for span in asked.spans],
        shortlist.message_ids,
        shortlist.until,
        timeout=TURN_SECONDS,
    )
    assert row is not None
    recent = [Turn(*turn) for turn in reversed(row["recent"])]
    now = now or datetime.now(UTC)
    total, session, last_at = row["total"] or (0, 1, now)
    # A pause has ended the session that is stored as the present one, unless this very message began the next.
    previous = session if now - last_at > SESSION_GAP else session - 1
    if sketches:
        sketches.note(place, total)
    memories = _ranked(row, asked, total, session, previous, now)
    shown = {turn.message_id for turn in recent}
    found = (memory for memory in memories if memory.message_id < before and memory.message_id not in shown)
    return Recollection(
        fold(found, limit),
        recent,
        Relationship(*row["relationship"]) if row["relationship"] else Relationship(),
        total,
        for_prompt([Fact(*fact) for fact in row["facts"]], place),
        [Summary(*summary) for summary in row["summaries"]],
        [Felt(*felt) for felt in reversed(row["feelings"])],
        row["state"] or {},
    )


def _ranked(
    row: asyncpg.Record, asked: Asked, total: int, sessions: int, previous: int, now: datetime
) -> Iterator[Memory]:
    """All candidates as memories, best first; made one by one, because only the best are looked at."""
    rows = row["candidates"]
    if not rows:
        return
    numbers = np.array([rarity[0] for rarity in row["rarity"]], np.int64)
    held, held_by_session = dict(map(tuple, row["held"])), dict(map(tuple, row["sessions"]))
    candidates = Candidates(
        session=np.array([r[1] for r in rows], np.int64),
        place=np.array([r[2] for r in rows], np.int64),
        cosine=np.array([r[12] for r in rows], np.float32),
        hits=_bits([held.get(r[0], 0) for r in rows], numbers),
        idf=scoring.inverse_frequency(total, np.array([rarity[1] for rarity in row["rarity"]], np.float32)),
        session_hits=_bits([held_by_session.get(r[1], 0) for r in rows], numbers),
        session_idf=scoring.inverse_frequency(sessions, np.array([rarity[2] for rarity in row["rarity"]], np.float32)),
        who=np.array([(PERSON if r[3] else CHARACTER) in asked.who for r in rows], np.float32),
        date=_dates(rows, asked, previous),
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


def _bits(masks: Sequence[int], numbers: np.ndarray) -> np.ndarray:
    """Bit masks as bool (n, T)."""
    return (np.array(masks, np.int64)[:, None] >> numbers[None, :] & 1).astype(bool)


def _dates(rows: Sequence[Sequence], asked: Asked, previous: int) -> np.ndarray:
    if not asked.spans:
        return np.zeros(len(rows), np.float32)
    if any(span.talk == "previous" for span in asked.spans):
        return np.array([r[1] == previous for r in rows], np.float32)
    return np.array([scoring.date_fit(asked.spans, r[5], (r[10], r[11]) if r[10] else None) for r in rows], np.float32)


def _temporal(rows: Sequence[Sequence], asked: Asked) -> np.ndarray:
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
