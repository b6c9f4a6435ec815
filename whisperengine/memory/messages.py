"""Messages: what was said, stored once, in order, with what was read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import numpy as np

from whisperengine.db.ids import new_id
from whisperengine.db.pool import TURN_SECONDS
from whisperengine.errors import ConflictError
from whisperengine.memory.relationship import Relationship, Step
from whisperengine.memory.terms import search_text
from whisperengine.memory.turn_leases import LASTS, TakenElsewhere
from whisperengine.memory.usage import ADD, NOTHING, Usage
from whisperengine.memory.when import Span

SESSION_GAP = timedelta(hours=4)
# A caller without a key who says the same again after a failure means the same message.
RETRY_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: whose memory it is, the channel, and whether others hear it."""

    user_id: int
    character_id: int
    channel: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Read:
    """What the encoder and the classifier read from a text."""

    model_id: int
    embedding: np.ndarray
    emotion: Sequence[float]
    feeling: str
    intensity: float


@dataclass(frozen=True, slots=True)
class Answer:
    message_id: int
    content: str
    said_at: datetime
    model: str
    emotion: list[float] | None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A person's message in the store; `answer` is set when it was answered before."""

    message_id: int
    said_at: datetime
    new: bool
    answer: Answer | None


_ACCEPT = """
with known as (
  select m.message_id, m.said_at, m.content = $6 as same
  from messages m where m.user_id = $1 and m.character_id = $2 and m.request_key = $7
), unanswered as (
  select last.message_id, last.said_at, true as same
  from (select * from messages m where m.user_id = $1 and m.character_id = $2 and m.channel = $3
        order by m.message_id desc limit 1) last
  where $7::text is null and last.request_key is null and last.role = 'person' and last.content = $6
    and last.said_at > $8::timestamptz - $15::interval
), earlier as (
  select * from known union all select * from unanswered limit 1
), lexemes as (
  select to_tsvector('english', $9) as terms
), conversation as (
  insert into conversations as c (user_id, character_id, messages, terms, place, last_at, turn_by, turn_until)
  select $1::bigint, $2::bigint, 1, length(terms), 1, $8, $19::bigint, now() + $20::interval
  from lexemes where not exists (select from earlier)
  on conflict (user_id, character_id) do update set
    messages = c.messages + 1, terms = c.terms + excluded.terms,
    session = c.session + (c.last_at < excluded.last_at - $14::interval)::integer,
    place = case when c.last_at < excluded.last_at - $14::interval then 1 else c.place + 1 end,
    last_at = greatest(c.last_at, excluded.last_at), turn_by = excluded.turn_by, turn_until = excluded.turn_until
  where c.turn_by is null or c.turn_by = excluded.turn_by or c.turn_until < now()
  returning session, place
), claimed as (
  update conversations c set turn_by = $19, turn_until = now() + $20
  where c.user_id = $1 and c.character_id = $2 and (c.turn_by is null or c.turn_by = $19 or c.turn_until < now())
    and exists (select from earlier where same and not exists (
      select from messages a
      where a.user_id = $1 and a.character_id = $2 and a.reply_to = earlier.message_id and not a.interrupted))
  returning turn_by
), stored as (
  insert into messages (user_id, character_id, message_id, role, channel, shared, session, place, said_at, content,
                        request_key, emotion, feeling, intensity, terms, term_count, about_from, about_to)
  select $1, $2, $5::bigint, 'person', $3, $4::boolean, session, place, $8, $6,
         $7, $10::real[], $11, $12::real, terms, length(terms), $17, $18
  from conversation, lexemes
  on conflict (user_id, character_id, request_key) where request_key is not null do nothing
  returning message_id, said_at
), indexed as (
  insert into embeddings (user_id, character_id, model_id, message_id, shared, embedding)
  select $1, $2, $16, message_id, $4, $13::halfvec from stored
), message as (
  select message_id, said_at, true as same, true as new, true as claimed from stored
  union all select message_id, said_at, same, false, exists (select from claimed) from earlier
)
select message.*, a.message_id as answer_id, a.content as answer, a.said_at as answered_at, a.model,
       a.emotion as answer_emotion, a.interrupted
from message left join messages a on a.user_id = $1 and a.character_id = $2 and a.reply_to = message.message_id
"""


async def accept(
    pool: asyncpg.Pool,
    place: Place,
    message_id: int,
    said_at: datetime,
    content: str,
    read: Read,
    request_key: str | None,
    about: Span | None = None,
    *,
    holder: int = 0,
) -> Accepted:
    """Store a person's message, once: a known `request_key`, or the same unanswered words again, bring back the first.

    `about` is the time that the message speaks of. `holder` names the turn, for which the two are claimed where
    there is something to answer. One durable statement. Raises ConflictError when the key belongs to other words,
    TakenElsewhere while another process takes a turn of the two.
    """
    arguments = (
        place.user_id,
        place.character_id,
        place.channel,
        place.shared,
        message_id,
        content,
        request_key,
        said_at,
        search_text(content),
        read.emotion,
        read.feeling,
        read.intensity,
        read.embedding,
        SESSION_GAP,
        RETRY_WINDOW,
        read.model_id,
        about.start if about else None,
        about.end if about else None,
        holder,
        LASTS,
    )
    row = await pool.fetchrow(_ACCEPT, *arguments, timeout=TURN_SECONDS)
    if row is None:
        # Also where the same key arrived twice at once: the other one can be seen only by the next statement.
        raise TakenElsewhere
    if not row["same"]:
        raise ConflictError(
            "This Idempotency-Key was used for another message. Send a new key with a new message.",
            code="idempotency_key_reused",
        )
    answer = None
    if row["answer_id"] is not None:
        answer = Answer(
            row["answer_id"],
            row["answer"],
            row["answered_at"],
            row["model"] or "",
            row["answer_emotion"],
            row["interrupted"],
        )
    if not row["claimed"] and (answer is None or answer.interrupted):
        raise TakenElsewhere
    return Accepted(row["message_id"], row["said_at"], row["new"], answer)


_USED = ADD.format(
    user_id="$1::bigint",
    character_id="$2::bigint",
    turns="(select count(*)::integer from answer)",
    prompt_tokens="$18",
    completion_tokens="$19",
    cost="$20",
)
_STORE_ANSWER = f"""
with lexemes as (
  select to_tsvector('english', $9) as terms
), conversation as (
  update conversations c set messages = c.messages + 1, terms = c.terms + length(lexemes.terms),
    place = c.place + 1, last_at = greatest(c.last_at, $8::timestamptz), turn_by = nullif(c.turn_by, $21)
  from lexemes where c.user_id = $1 and c.character_id = $2
    and not exists (select from messages m where m.user_id = $1 and m.character_id = $2 and m.reply_to = $7::bigint)
  returning c.session, c.place
), answer as (
  insert into messages (user_id, character_id, message_id, role, channel, shared, session, place, said_at, content,
                        reply_to, model, terms, term_count, pending, interrupted)
  select $1::bigint, $2::bigint, $5::bigint, 'character', $3, $4::boolean, conversation.session, conversation.place,
         $8, $6, $7, $10, lexemes.terms, length(lexemes.terms), true, $15
  from conversation, lexemes
  on conflict (user_id, character_id, reply_to) where reply_to is not null do nothing
  returning message_id
), relationship as (
  insert into relationships as r
    (user_id, character_id, trust, affection, attunement, interactions, first_at, last_at, state)
  select $1, $2, 0.5 + $11::real, 0.4 + $12::real, 0.3 + $13::real, 1, $8, $8, $17::jsonb from answer
  on conflict (user_id, character_id) do update set
    trust = least(1, greatest(0, r.trust + $11)), affection = least(1, greatest(0, r.affection + $12)),
    attunement = least(1, greatest(0, r.attunement + $13)),
    interactions = r.interactions + 1, last_at = excluded.last_at, state = r.state || excluded.state
  returning trust, affection, attunement, interactions, first_at, last_at
), event as (
  insert into relationship_events (user_id, character_id, message_id, trust, affection, attunement, reason, at)
  select $1, $2, $5, $11, $12, $13, $14, $8 from answer
), learning as (
  -- Eight turns are learned from together, or what there is after five minutes of silence.
  insert into jobs as j (user_id, job_id, kind, character_id, payload, run_at)
  select $1::bigint, $16::bigint, 'learn', $2::bigint, '{{"turns": 1}}', now() + interval '5 minutes' from answer
  on conflict (user_id, kind, coalesce(character_id, 0)) where dead_at is null and locked_by is null
  do update set payload = jsonb_build_object('turns', coalesce((j.payload->>'turns')::integer, 0) + 1),
    run_at = case when j.attempts = 0 and coalesce((j.payload->>'turns')::integer, 0) >= 7
             then least(j.run_at, now()) else j.run_at end
), used as (
  {_USED}
)
select * from relationship
"""


async def store_answer(
    pool: asyncpg.Pool,
    place: Place,
    message_id: int,
    said_at: datetime,
    content: str,
    reply_to: int,
    model: str,
    step: Step,
    *,
    state: Mapping[str, Any] | None = None,
    interrupted: bool = False,
    usage: Usage = NOTHING,
    holder: int = 0,
) -> Relationship | None:
    """Store a character's answer and what the turn changed between the two, in one durable statement.

    `state` is what the character keeps for its next turn in places of this kind (shared or private); None leaves what
    is kept. `interrupted` marks an answer whose listener went away. `usage` counts whether or not the answer is stored.
    The turn that `holder` claimed is given back with it.
    Returns the relationship as it now is; None when another process has answered this message already (then nothing
    is stored).
    """
    row = await pool.fetchrow(
        _STORE_ANSWER,
        place.user_id,
        place.character_id,
        place.channel,
        place.shared,
        message_id,
        content,
        reply_to,
        said_at,
        search_text(content),
        model,
        step.trust,
        step.affection,
        step.attunement,
        step.reason,
        interrupted,
        new_id(),
        {} if state is None else {"shared" if place.shared else "private": state},
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        usage.cost or 0.0,
        holder,
        timeout=TURN_SECONDS,
    )
    return Relationship(**dict(row)) if row else None


async def answer_to(pool: asyncpg.Pool, place: Place, message_id: int) -> Answer | None:
    """The stored answer to a person's message, or None."""
    row = await pool.fetchrow(
        "select message_id, content, said_at, model, emotion from messages "
        "where user_id = $1 and character_id = $2 and reply_to = $3",
        place.user_id,
        place.character_id,
        message_id,
        timeout=TURN_SECONDS,
    )
    return (
        Answer(row["message_id"], row["content"], row["said_at"], row["model"] or "", row["emotion"]) if row else None
    )
