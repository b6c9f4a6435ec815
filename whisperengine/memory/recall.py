"""Recall: what a person and a character said before that matters now. One round trip, then fusion in Python.

Two searches inside one person's rows: BM25 over term hashes scoped to the person (Robertson and Zaragoza 2009; k1 =
0.9, b = 0.3 after the Anserini defaults), and exact cosine similarity on the nearest of a Hamming scan over one-bit
sketches. Their scores are each
divided by the mean of their top ten and added; weights were measured on LoCoMo (see docs/memory.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import numpy as np

from whisperengine.memory.messages import Place
from whisperengine.memory.relationship import Relationship
from whisperengine.memory.terms import search_text

SKETCH_SHORTLIST = 600
CANDIDATES = 100
RECENT = 20
LEXICAL_WEIGHT, DENSE_WEIGHT = 0.4, 0.6


@dataclass(frozen=True, slots=True)
class Memory:
    """One message that was found, with its scores by part."""

    message_id: int
    by_person: bool
    content: str
    said_at: datetime
    session: int
    feeling: str | None
    lexical: float
    semantic: float
    score: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the recent talk, oldest first."""

    message_id: int
    by_person: bool
    content: str
    said_at: datetime
    feeling: str | None
    model: str | None


@dataclass(slots=True)
class Recollection:
    memories: list[Memory]
    recent: list[Turn]
    relationship: Relationship
    total_messages: int

    def forget(self, message_id: int) -> None:
        """Leave out a message: the one being answered, when it was stored before this recall."""
        self.memories = [memory for memory in self.memories if memory.message_id != message_id]
        self.recent = [turn for turn in self.recent if turn.message_id < message_id]


_RECALL = f"""
with near as materialized (
  select e.message_id from embeddings e
  where e.user_id = $1 and e.character_id = $2 and e.model_id = $3 and (e.shared or not $4)
  order by e.sketch <~> (binary_quantize($5::halfvec)::bit varying) limit {SKETCH_SHORTLIST}
), dense as materialized (
  select e.message_id, -(e.embedding <#> $5::halfvec) as score from near
  join embeddings e on e.user_id = $1 and e.character_id = $2 and e.model_id = $3 and e.message_id = near.message_id
  order by score desc limit {CANDIDATES}
), query as (
  select lexeme, hashtextextended($1::bigint || ':' || $2::bigint || ':' || lexeme, 0) as hash
  from unnest(tsvector_to_array(to_tsvector('english', $6))) lexeme
), hit as materialized (
  select m.message_id, m.term_count, q.lexeme, cardinality(t.positions)::float8 as tf
  from messages m, unnest(m.terms) t join query q on q.lexeme = t.lexeme
  where m.user_id = $1 and m.character_id = $2 and (m.shared or not $4)
    and owned_terms(m.user_id, m.character_id, tsvector_to_array(m.terms)) && (select array_agg(hash) from query)
), total as (
  select messages::float8 as n, greatest(1, terms)::float8 / greatest(1, messages) as average
  from conversations where user_id = $1 and character_id = $2
), rarity as (
  select lexeme, ln(1 + (greatest((select n from total), count(*)) - count(*) + 0.5) / (count(*) + 0.5)) as idf
  from hit group by lexeme
), lexical as (
  select message_id, sum(idf * tf * 1.9 / (tf + 0.9 * (0.7 + 0.3 * term_count / (select average from total)))) as score
  from hit join rarity using (lexeme) group by message_id order by score desc limit {CANDIDATES}
)
select
  array(
    select row(m.message_id, m.role = 'person', m.content, m.said_at, m.session, m.feeling, l.score, d.score)
    from dense d full join lexical l using (message_id)
    join messages m on m.user_id = $1 and m.character_id = $2 and m.message_id = coalesce(d.message_id, l.message_id)
  ) as memories,
  array(
    select row(m.message_id, m.role = 'person', m.content, m.said_at, m.feeling, m.model) from messages m
    where m.user_id = $1 and m.character_id = $2 and m.channel = $7 and m.message_id < $8
    order by m.message_id desc limit {RECENT}
  ) as recent,
  (select row(trust, affection, attunement, interactions, first_at, last_at)
   from relationships where user_id = $1 and character_id = $2) as relationship,
  (select n::bigint from total) as total_messages
"""


async def recall(
    pool: asyncpg.Pool,
    place: Place,
    query: str,
    embedding: np.ndarray,
    model_id: int,
    *,
    before: int,
    limit: int = 12,
) -> Recollection:
    """The best `limit` memories for `query` (best first) and the last talk in the channel, as of message id `before`.

    In a shared channel only what was said in shared channels is searched. What stands in the recent talk is not
    repeated as a memory.
    """
    row = await pool.fetchrow(
        _RECALL,
        place.user_id,
        place.character_id,
        model_id,
        place.shared,
        embedding,
        search_text(query),
        place.channel,
        before,
    )
    assert row is not None
    recent = [Turn(*turn) for turn in reversed(row["recent"])]
    shown = {turn.message_id for turn in recent}
    found = [hit for hit in row["memories"] if hit[0] < before and hit[0] not in shown]
    return Recollection(
        fuse(found)[:limit],
        recent,
        Relationship(*row["relationship"]) if row["relationship"] else Relationship(),
        row["total_messages"] or 0,
    )


def fuse(hits: Sequence[Sequence]) -> list[Memory]:
    """Candidates (id, by person, content, said at, session, feeling, lexical or None, dense or None) as memories, best
    first.
    """
    lexical = np.array([hit[6] or 0.0 for hit in hits])
    dense = np.array([max(hit[7] or 0.0, 0.0) for hit in hits])
    score = LEXICAL_WEIGHT * _relative(lexical) + DENSE_WEIGHT * _relative(dense)
    order = np.argsort(-score, kind="stable")
    return [
        Memory(*hits[i][:6], lexical=float(lexical[i]), semantic=float(dense[i]), score=float(score[i])) for i in order
    ]


def _relative(scores: np.ndarray) -> np.ndarray:
    """Scores divided by the mean of their ten best: two searches become comparable whatever their units (+10 R@10 over
    ranks).
    """
    if not scores.size or scores.max() <= 0:
        return scores
    return scores / np.sort(scores)[-10:].mean()
