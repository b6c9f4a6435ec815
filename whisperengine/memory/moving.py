"""Moving what is kept of one person to another: when two are joined, and back when they are split.

A row's owner is part of every key, and of the hashes in the index of terms: rows are written anew under the new owner,
then deleted under the old one. Channels, and who may hear what was said there, stay as they are. The caller holds a
transaction, and the users and conversations of both against writers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whisperengine.db import jobs
from whisperengine.db.pool import Connection
from whisperengine.memory import facts

PATIENCE = 600.0
"""Seconds for one statement: somebody may bring 50,000 messages."""

Renamed = tuple[list[int], list[int]]
"""Ids that exist under both owners, and the new ones that they get: an imported export brings its ids along."""

# In all of these: $1 from whom, $2 to whom, $3 and $4 the renamed; where there is a mark, null is for everything.
_USED = (
    *("turns", "prompt_tokens", "completion_tokens", "cost"),
    *("learning_requests", "learning_prompt_tokens", "learning_completion_tokens", "learning_cost"),
)
_RENAMED = "left join unnest($3::bigint[], $4::bigint[]) as {name} (before, after) on {name}.before = {id}"
_MESSAGES = f"""
insert into messages select moved.* from messages m
join unnest($6::bigint[], $7::integer[]) as sittings (character_id, earlier) on sittings.character_id = m.character_id
{_RENAMED.format(name="own", id="m.message_id")}
{_RENAMED.format(name="question", id="m.reply_to")}
cross join lateral jsonb_populate_record(m, jsonb_build_object(
  'user_id', $2::bigint,
  'message_id', coalesce(own.after, m.message_id),
  'reply_to', coalesce(question.after, m.reply_to),
  'session', m.session + sittings.earlier,
  'moved_from', case when $5::bigint is null then coalesce(m.moved_from, $1) end,
  -- A key that is in use there is kept behind the former owner's number.
  'request_key', case
    when $5 is null and exists (select from messages t where t.user_id = $2 and t.character_id = m.character_id
      and t.request_key = m.request_key) then $1::bigint || ':' || m.request_key
    when starts_with(m.request_key, $5 || ':') then substr(m.request_key, length($5 || ':') + 1)
    else m.request_key end)) moved
where m.user_id = $1 and ($5 is null or m.moved_from = $5)
"""
_EMBEDDINGS = f"""
insert into embeddings (user_id, character_id, model_id, message_id, shared, embedding)
select $2::bigint, e.character_id, e.model_id, m.message_id, e.shared, e.embedding from embeddings e
{_RENAMED.format(name="own", id="e.message_id")}
join messages m on m.user_id = $2 and m.character_id = e.character_id
  and m.message_id = coalesce(own.after, e.message_id)
where e.user_id = $1
"""
_REACTIONS = f"""
insert into reactions (user_id, character_id, message_id, emoji, valence, at)
select $2::bigint, r.character_id, m.message_id, r.emoji, r.valence, r.at from reactions r
{_RENAMED.format(name="own", id="r.message_id")}
join messages m on m.user_id = $2 and m.character_id = r.character_id
  and m.message_id = coalesce(own.after, r.message_id)
where r.user_id = $1
"""
_STEPS = f"""
insert into relationship_events (user_id, character_id, message_id, trust, affection, attunement, reason, at)
select $2::bigint, e.character_id, coalesce(own.after, e.message_id), e.trust, e.affection, e.attunement, e.reason, e.at
from relationship_events e
{_RENAMED.format(name="own", id="e.message_id")}
join relationships r on r.user_id = $2 and r.character_id = e.character_id
where e.user_id = $1 and ($5::bigint is null or exists (select from messages m where m.user_id = $2
  and m.character_id = e.character_id and m.message_id = e.message_id))
on conflict do nothing
"""
_SUMMARIES = f"""
insert into summaries select moved.* from summaries s
{_RENAMED.format(name="first", id="s.first_message_id")}
{_RENAMED.format(name="final", id="s.last_message_id")}
cross join lateral jsonb_populate_record(s, jsonb_build_object(
  'user_id', $2::bigint,
  'first_message_id', coalesce(first.after, s.first_message_id),
  'last_message_id', coalesce(final.after, s.last_message_id),
  'moved_from', case when $5::bigint is null then coalesce(s.moved_from, $1) end)) moved
where s.user_id = $1 and ($5 is null or s.moved_from = $5)
"""
# $6: facts that are put out of force until it is decided which of two holds.
_FACTS = f"""
insert into facts select moved.* from facts f
{_RENAMED.format(name="own", id="f.fact_id")}
{_RENAMED.format(name="heir", id="f.superseded_by")}
cross join lateral jsonb_populate_record(f, jsonb_build_object(
  'user_id', $2::bigint,
  'fact_id', coalesce(own.after, f.fact_id),
  'superseded_by', coalesce(heir.after, f.superseded_by),
  'superseded_at', case when f.fact_id = any($6::bigint[]) then now() else f.superseded_at end,
  'moved_from', case when $5::bigint is null then coalesce(f.moved_from, $1) end)) moved
where f.user_id = $1 and ($5 is null or f.moved_from = $5)
"""
_SOURCES = f"""
insert into fact_sources (user_id, character_id, fact_id, message_id)
select $2::bigint, f.character_id, f.fact_id, m.message_id from fact_sources s
{_RENAMED.format(name="own", id="s.message_id")}
left join unnest($5::bigint[], $6::bigint[]) as told (before, after) on told.before = s.fact_id
join facts f on f.user_id = $2 and f.character_id = s.character_id and f.fact_id = coalesce(told.after, s.fact_id)
join messages m on m.user_id = $2 and m.character_id = s.character_id
  and m.message_id = coalesce(own.after, s.message_id)
where s.user_id = $1
"""


async def merge(connection: Connection, source: int, target: int) -> None:
    """Give everything of `source` to `target`, marked with where it came from; nothing is left under `source`.

    Sittings are numbered behind the target's, totals are summed, the two relationships weighted by their interactions.
    Of two facts in one slot the newer holds, unless the older alone is pinned.
    """
    messages = await _renamed(connection, "messages", "message_id", source, target)
    told = await _renamed(connection, "facts", "fact_id", source, target)
    sittings = await connection.fetch(
        "select s.character_id, coalesce(t.session, 0) as earlier from conversations s left join conversations t "
        "on t.user_id = $2 and t.character_id = s.character_id where s.user_id = $1",
        source,
        target,
    )
    await connection.execute(
        "insert into conversations as c (user_id, character_id, messages, terms, session, place, last_at) "
        "select $2::bigint, character_id, messages, terms, session, place, last_at from conversations "
        "where user_id = $1 on conflict (user_id, character_id) do update set messages = c.messages + "
        "excluded.messages, terms = c.terms + excluded.terms, session = c.session + excluded.session + 1, place = 0, "
        "last_at = greatest(c.last_at, excluded.last_at)",
        source,
        target,
    )
    await connection.execute(
        "insert into relationships as r (user_id, character_id, trust, affection, attunement, interactions, first_at, "
        "last_at, state) select $2::bigint, character_id, trust, affection, attunement, interactions, first_at, "
        "last_at, state from relationships where user_id = $1 on conflict (user_id, character_id) do update set "
        + ", ".join(
            f"{quality} = coalesce((r.{quality} * r.interactions + excluded.{quality} * excluded.interactions) "
            f"/ nullif(r.interactions + excluded.interactions, 0), r.{quality})"
            for quality in _QUALITIES
        )
        + ", interactions = r.interactions + excluded.interactions, first_at = least(r.first_at, excluded.first_at), "
        "last_at = greatest(r.last_at, excluded.last_at), state = excluded.state || r.state",
        source,
        target,
    )
    rivals = await connection.fetch(
        "select s.character_id, s.fact_id as theirs, t.fact_id as ours, s.valid_from as theirs_from, "
        "t.valid_from as ours_from, (s.pinned, s.valid_from, s.fact_id) > (t.pinned, t.valid_from, t.fact_id) as newer "
        "from facts s join facts t using (character_id, slot, shared) "
        "where s.user_id = $1 and t.user_id = $2 and s.superseded_at is null and t.superseded_at is null",
        source,
        target,
    )
    await _carry(connection, source, target, None, sittings, messages, told, [row["theirs"] for row in rivals])
    await _settle(connection, target, rivals, dict(zip(*told, strict=True)))
    await connection.execute(
        f"insert into usage as u (user_id, character_id, day, {', '.join(_USED)}) "
        f"select $2::bigint, character_id, day, {', '.join(_USED)} from usage where user_id = $1 "
        "on conflict (user_id, character_id, day) do update set "
        + ", ".join(f"{name} = u.{name} + excluded.{name}" for name in _USED),
        source,
        target,
    )
    for job in await connection.fetch("delete from jobs where user_id = $1 returning kind, character_id", source):
        await jobs.add(connection, job["kind"], target, job["character_id"])
    for table in ("embeddings", "fact_sources", "facts", "summaries", "messages", "conversations"):
        await connection.execute(f"delete from {table} where user_id = $1", source, timeout=PATIENCE)


async def part(
    connection: Connection, user_id: int, mark: int, relationships: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Give back to `mark`, who has nothing, what is marked as theirs; returns the characters concerned.

    `relationships` are theirs as they stood before; what they had added is taken out of the other's. What was learned
    or summarised from the words of both is dropped and done anew on each side.
    """
    apart = await _learned_across(connection, user_id, mark)
    heirs = await _heirs(connection, user_id, mark)
    sittings = await connection.fetch(
        "insert into conversations (user_id, character_id, messages, terms, session, last_at) "
        "select $2::bigint, o.character_id, count(m.message_id), coalesce(sum(m.term_count), 0), "
        "coalesce(max(m.session) - min(m.session) + 2, 1), coalesce(max(m.said_at), now()) from "
        "(select character_id from messages where user_id = $1 and moved_from = $2 "
        "union select character_id from facts where user_id = $1 and moved_from = $2 "
        "union select (r ->> 'character_id')::bigint from jsonb_array_elements($3::jsonb) r) o "
        "join characters c on c.id = o.character_id "
        "left join messages m on m.user_id = $1 and m.moved_from = $2 and m.character_id = o.character_id "
        "group by o.character_id returning character_id, "
        "1 - (select coalesce(min(m.session), 1) from messages m where m.user_id = $1 and m.moved_from = $2 "
        "and m.character_id = conversations.character_id) as earlier",
        user_id,
        mark,
        relationships,
    )
    await connection.execute(
        "update conversations c set messages = c.messages - m.messages, terms = c.terms - m.terms from conversations m "
        "where c.user_id = $1 and m.user_id = $2 and m.character_id = c.character_id",
        user_id,
        mark,
    )
    await _stand_as_before(connection, mark, relationships)
    await _carry(connection, user_id, mark, mark, sittings, ([], []), ([], []), [])
    for table in ("facts", "summaries", "messages"):
        await connection.execute(
            f"delete from {table} where user_id = $1 and moved_from = $2", user_id, mark, timeout=PATIENCE
        )
    await connection.execute(
        "delete from relationship_events e using relationship_events back where e.user_id = $1 and back.user_id = $2 "
        "and back.character_id = e.character_id and back.message_id = e.message_id",
        user_id,
        mark,
    )
    await _take_out(connection, user_id, mark)
    await _put_in_force(connection, user_id, mark, heirs)
    for character_id, fact_ids in apart.items():
        await facts.drop_unsupported(connection, user_id, character_id, fact_ids)
        await facts.drop_unsupported(connection, mark, character_id, fact_ids)
    characters = [row["character_id"] for row in sittings]
    for character_id in characters:
        for owner in (user_id, mark):
            for kind in ("learn", "summarise"):
                await jobs.add(connection, kind, owner, character_id)
    await connection.execute(
        "delete from conversations c where c.user_id = $1 and c.character_id = any($2) and c.messages <= 0 "
        + "".join(
            f"and not exists (select from {table} t where t.user_id = $1 and t.character_id = c.character_id) "
            for table in ("messages", "facts", "relationships", "usage")
        ),
        user_id,
        characters,
    )
    return characters


_QUALITIES = ("trust", "affection", "attunement")


async def _carry(
    connection: Connection,
    source: int,
    target: int,
    mark: int | None,
    sittings: Sequence[Any],
    messages: Renamed,
    told: Renamed,
    waiting: list[int],
) -> None:
    characters = [row["character_id"] for row in sittings], [row["earlier"] for row in sittings]
    await connection.execute(_MESSAGES, source, target, *messages, mark, *characters, timeout=PATIENCE)
    await connection.execute(_EMBEDDINGS, source, target, *messages, timeout=PATIENCE)
    await connection.execute(_REACTIONS, source, target, *messages)
    await connection.execute(_STEPS, source, target, *messages, mark)
    await connection.execute(_SUMMARIES, source, target, *messages, mark)
    await connection.execute(_FACTS, source, target, *told, mark, waiting)
    await connection.execute(_SOURCES, source, target, *messages, *told)


async def _renamed(connection: Connection, table: str, column: str, source: int, target: int) -> Renamed:
    rows = await connection.fetch(
        f"select {column} as id, count(*) over (partition by {column}) > 1 as both, user_id = $1 as moves "
        f"from {table} where user_id in ($1, $2)",
        source,
        target,
    )
    taken = {row["id"] for row in rows}
    before = sorted({row["id"] for row in rows if row["both"] and row["moves"]})
    after = []
    for id in before:
        # The next free one keeps the time that stands in it.
        while id in taken:
            id += 1
        taken.add(id)
        after.append(id)
    return before, after


async def _settle(connection: Connection, target: int, rivals: Sequence[Any], renamed: Mapping[int, int]) -> None:
    """Of each pair of facts the newer holds and supersedes the other."""
    for row in rivals:
        theirs = renamed.get(row["theirs"], row["theirs"])
        holds, yields = (theirs, row["ours"]) if row["newer"] else (row["ours"], theirs)
        for fact_id, at, by in ((yields, max(row["theirs_from"], row["ours_from"]), holds), (holds, None, None)):
            await connection.execute(
                "update facts set superseded_at = $4, superseded_by = $5 "
                "where user_id = $1 and character_id = $2 and fact_id = $3",
                target,
                row["character_id"],
                fact_id,
                at,
                by,
            )


async def _learned_across(connection: Connection, user_id: int, mark: int) -> dict[int, list[int]]:
    """Facts by character that lose a source, because the one stays and the other goes: their messages are learned from
    again. Summaries of the words of both are deleted.
    """
    rows = await connection.fetch(
        "update messages m set learned = false from fact_sources s "
        "join facts f on f.user_id = $1 and f.character_id = s.character_id and f.fact_id = s.fact_id "
        "where m.user_id = $1 and s.user_id = $1 and s.character_id = m.character_id and s.message_id = m.message_id "
        "and (m.moved_from is not distinct from $2) <> (f.moved_from is not distinct from $2) "
        "returning f.character_id, f.fact_id",
        user_id,
        mark,
    )
    await connection.execute(
        "delete from summaries s where s.user_id = $1 and exists (select from messages m where m.user_id = $1 "
        "and m.character_id = s.character_id and m.channel = s.channel "
        "and m.message_id between s.first_message_id and s.last_message_id "
        "and (m.moved_from is not distinct from $2) <> (s.moved_from is not distinct from $2) "
        "and s.moved_from is distinct from $2)",
        user_id,
        mark,
    )
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row["character_id"], []).append(row["fact_id"])
    return found


async def _heirs(connection: Connection, user_id: int, mark: int) -> list[tuple[int, int, Any, int | None]]:
    """(owner, fact, superseded at, by) of each fact whose successor will be the other's: the next of its own owner in
    the line, or none; the latest first.
    """
    rows = await connection.fetch(
        "select fact_id, superseded_at, superseded_by, moved_from is not distinct from $2 as back from facts "
        "where user_id = $1 order by valid_from desc, fact_id desc",
        user_id,
        mark,
    )
    line = {row["fact_id"]: row for row in rows}
    found = []
    for row in rows:
        at, by = row["superseded_at"], row["superseded_by"]
        crossed = False
        while by in line and line[by]["back"] != row["back"]:
            crossed = True
            at, by = line[by]["superseded_at"], line[by]["superseded_by"]
        if crossed:
            found.append((mark if row["back"] else user_id, row["fact_id"], at, by))
    return found


async def _put_in_force(
    connection: Connection, user_id: int, mark: int, heirs: Sequence[tuple[int, int, Any, int | None]]
) -> None:
    for owner, fact_id, at, by in heirs:
        await connection.execute(
            "update facts f set superseded_at = $3, superseded_by = $4 where f.user_id = $1 and f.fact_id = $2 "
            "and ($3::timestamptz is not null or not exists (select from facts o where o.user_id = $1 "
            "and o.character_id = f.character_id and o.slot = f.slot and o.shared = f.shared "
            "and o.superseded_at is null))",
            owner,
            fact_id,
            at,
            by,
        )


async def _stand_as_before(connection: Connection, mark: int, relationships: Sequence[Mapping[str, Any]]) -> None:
    await connection.execute(
        "insert into relationships (user_id, character_id, trust, affection, attunement, interactions, first_at, "
        "last_at, state) select $1::bigint, r.character_id, r.trust, r.affection, r.attunement, r.interactions, "
        "r.first_at, r.last_at, r.state from jsonb_populate_recordset(null::relationships, $2::jsonb) r "
        "join conversations c on c.user_id = $1 and c.character_id = r.character_id",
        mark,
        relationships,
    )


async def _take_out(connection: Connection, user_id: int, mark: int) -> None:
    """The weighted mean taken apart again: exact when nothing was said since."""
    # Those of whom nothing of their own is in it stand as strangers.
    await connection.execute(
        "delete from relationships r where r.user_id = $1 and exists (select from relationships m "
        "where m.user_id = $2 and m.character_id = r.character_id and m.interactions >= r.interactions)",
        user_id,
        mark,
    )
    await connection.execute(
        "update relationships r set "
        + "".join(
            f"{quality} = least(1, greatest(0, (r.{quality} * r.interactions - m.{quality} * m.interactions) "
            "/ (r.interactions - m.interactions))), "
            for quality in _QUALITIES
        )
        + "interactions = r.interactions - m.interactions, first_at = coalesce(said.first, r.first_at), "
        "last_at = coalesce(said.last, r.last_at) from relationships m, lateral (select min(said_at) as first, "
        "max(said_at) as last from messages s where s.user_id = $1 and s.character_id = m.character_id "
        "and s.role = 'character') said where r.user_id = $1 and m.user_id = $2 and m.character_id = r.character_id "
        "and r.interactions > m.interactions",
        user_id,
        mark,
    )
