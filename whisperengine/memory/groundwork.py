"""The groundwork of a recall: all that needs no embedding, so that it is looked up while the encoder reads.

How things stand between the two (recent talk, facts, summaries, feelings, relationship), and BM25 over term hashes
scoped to the person (k1 = 0.9, b = 0.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import numpy as np

from whisperengine.db.pool import TURN_SECONDS
from whisperengine.memory.asked import Asked
from whisperengine.memory.facts import Fact, for_prompt
from whisperengine.memory.messages import Place
from whisperengine.memory.relationship import Relationship

CANDIDATES = 40
RECENT = 20
FEELINGS = 12
FACTS = 60
TERMS = 60


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


@dataclass(frozen=True, slots=True)
class Masks:
    """Keys int64 (n), ascending, each with the query's terms that it holds as bits of an int64 (n)."""

    keys: np.ndarray
    bits: np.ndarray

    @classmethod
    def unpacked(cls, packed: bytes | None) -> Masks:
        """From records of two big-endian int8 each, in any order."""
        records = np.frombuffer(packed or b"", ">i8").astype(np.int64).reshape(-1, 2)
        records = records[np.argsort(records[:, 0])]
        return cls(records[:, 0], records[:, 1])

    def of(self, keys: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """bool (len(keys), len(terms)): which of the terms (numbers of bits) each key holds."""
        if not len(self.keys):
            return np.zeros((len(keys), len(terms)), bool)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        held = np.where(self.keys[at] == keys, self.bits[at], 0)
        return (held[:, None] >> terms[None, :] & 1).astype(bool)


@dataclass(frozen=True, slots=True)
class Lexical:
    """Messages that hold terms of the query. `terms` int64 (T) are those that occur at all, `counts` (T) in how many
    messages, `session_counts` (T) in how many sessions; `best` are ids by BM25, best first.
    """

    best: Sequence[int]
    terms: np.ndarray
    counts: np.ndarray
    session_counts: np.ndarray
    by_message: Masks
    by_session: Masks


@dataclass(frozen=True, slots=True)
class Groundwork:
    """`session` is the present one, or the last, and `last_at` when something was last said in it; None before
    anything was.
    """

    lexical: Lexical
    recent: list[Turn]
    relationship: Relationship
    total_messages: int
    session: int
    last_at: datetime | None
    facts: list[Fact]
    summaries: list[Summary]
    feelings: list[Felt]
    state: Mapping[str, Any]


STATEMENT = f"""
with query as materialized (
  select lexeme, (row_number() over ())::integer - 1 as number,
    hashtextextended($1::bigint || ':' || $2::bigint || ':' || lexeme, 0) as hash
  from unnest(tsvector_to_array(to_tsvector('english', $4))) lexeme limit {TERMS}
), hit as materialized (
  -- The hash names the owner too: within, the index of terms is the only way, whatever the planner knows of the table.
  select m.message_id, m.session, m.term_count, q.number
  from query q, lateral (
    select * from messages
    where owned_terms(user_id, character_id, tsvector_to_array(terms)) @> array[q.hash] offset 0) m
  where m.user_id = $1 and m.character_id = $2 and (m.shared or not $3)
), total as materialized (
  select messages::float8 as n, greatest(1, terms)::float8 / greatest(1, messages) as average, session, last_at
  from conversations where user_id = $1 and character_id = $2
), rarity as materialized (
  select number, count(*) as messages,
    ln(1 + (greatest((select n from total), count(*)) - count(*) + 0.5) / (count(*) + 0.5)) as idf
  from hit group by number
), held as materialized (
  select message_id, bit_or(1::bigint << number) as terms,
    sum(idf * 1.9 / (1 + 0.9 * (0.7 + 0.3::float8 * term_count / (select average from total)))) as score
  from hit join rarity using (number) group by message_id
), known as (
  select f.* from facts f where f.user_id = $1 and f.character_id = $2 and f.superseded_at is null
    and (f.shared or not $3) order by f.pinned desc, f.confidence desc, f.fact_id desc limit {FACTS}
)
select
  array(select message_id from held order by score desc limit {CANDIDATES}) as best,
  array(select row(number, messages) from rarity order by number) as rarity,
  (select string_agg(int8send(message_id) || int8send(terms), '') from held) as by_message,
  (select string_agg(int8send(session) || int8send(terms), '')
   from (select session, bit_or(1::bigint << number) as terms from hit group by session) s) as by_session,
  array(
    select row(m.message_id, m.role = 'person', m.content, m.said_at, m.model) from messages m
    where m.user_id = $1 and m.character_id = $2 and m.channel = $5 and m.message_id < $6
    order by m.message_id desc limit {RECENT}
  ) as recent,
  array(
    select row(m.said_at, m.feeling, m.intensity, m.role = 'person') from messages m
    where m.user_id = $1 and m.character_id = $2 and (m.shared or not $3)
      and m.feeling is not null and m.message_id < $6
    order by m.message_id desc limit {2 * FEELINGS}
  ) as feelings,
  array(
    select row(fact_id, kind, slot, value, text, confidence, shared, pinned, origin, valid_from, superseded_at,
      superseded_by, array[]::bigint[]) from known
  ) as facts,
  array(
    select row(s.text, s.first_message_id, s.last_message_id, s.created_at) from summaries s
    where s.user_id = $1 and s.character_id = $2 and s.channel = $5 and (s.shared or not $3)
    order by s.last_message_id desc limit 3
  ) as summaries,
  (select row(trust, affection, attunement, interactions, first_at, last_at)
   from relationships where user_id = $1 and character_id = $2) as relationship,
  (select state -> case when $3 then 'shared' else 'private' end
   from relationships where user_id = $1 and character_id = $2) as state,
  (select row(n::bigint, session, last_at) from total) as total
"""


async def lay(pool: asyncpg.Pool, place: Place, asked: Asked, before: int) -> Groundwork:
    """One round trip. The recent talk and the feelings are of before message id `before`."""
    row = await pool.fetchrow(
        STATEMENT,
        place.user_id,
        place.character_id,
        place.shared,
        asked.lexical,
        place.channel,
        before,
        timeout=TURN_SECONDS,
    )
    assert row is not None
    total, session, last_at = row["total"] or (0, 1, None)
    terms = np.array([number for number, _ in row["rarity"]], np.int64)
    by_session = Masks.unpacked(row["by_session"])
    return Groundwork(
        Lexical(
            row["best"],
            terms,
            np.array([messages for _, messages in row["rarity"]], np.float32),
            by_session.of(by_session.keys, terms).sum(axis=0, dtype=np.float32),
            Masks.unpacked(row["by_message"]),
            by_session,
        ),
        [Turn(*turn) for turn in reversed(row["recent"])],
        Relationship(*row["relationship"]) if row["relationship"] else Relationship(),
        total,
        session,
        last_at,
        for_prompt([Fact(*fact) for fact in row["facts"]], place),
        [Summary(*summary) for summary in row["summaries"]],
        [Felt(*felt) for felt in reversed(row["feelings"])],
        row["state"] or {},
    )
