"""What was recalled, as the block that stands before the talk: facts, a summary, memories in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from whisperengine.chat.budget import count_tokens, fitting
from whisperengine.chat.fences import defuse, fenced, one_line
from whisperengine.chat.situation import ago, local
from whisperengine.memory.facts import Fact
from whisperengine.memory.groundwork import Summary
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Memory, Recollection

MEMORY_CHARS = 500
FRAME_TOKENS = 30
"""What the block's marks and leads take."""


def before_others(person: Person, recollection: Recollection) -> Person:
    """As they are known where others read: on the clock of a time zone that was told there, else on UTC.

    The hour would tell of one that was told in private.
    """
    told = (fact.value for fact in recollection.facts if fact.kind == "time_zone")
    return replace(person, time_zone=next(told, "UTC"))


def memory_block(
    recollection: Recollection,
    summaries: Sequence[Summary],
    person: Person,
    name: str,
    here: datetime,
    allowed: int,
    marked: Memory | None,
) -> tuple[str, int]:
    """Facts, the summary of what no longer fits, and memories; and how many memories did not fit. `marked` is the one
    that is worth bringing up.
    """
    allowed -= FRAME_TOKENS
    parts: list[str] = []
    for lead, lines in (
        ("Known of them:", (_fact_line(fact, person, here) for fact in recollection.facts)),
        ("Earlier in this conversation:", (defuse(summary.text) for summary in summaries[:1])),
    ):
        kept, allowed = fitting(lines, allowed)
        if kept:
            parts += [lead, *kept]
    chosen: list[tuple[datetime, str]] = []
    for memory in recollection.memories:
        line = _memory_line(memory, person, name, here) + (" (worth bringing up)" if memory is marked else "")
        tokens = count_tokens(line)
        if tokens > allowed:
            break
        allowed -= tokens
        chosen.append((memory.said_at, line))
    if chosen:
        parts += ["From earlier conversations:", *(line for _, line in sorted(chosen, key=lambda pair: pair[0]))]
    return fenced("memories", "\n".join(parts)), len(recollection.memories) - len(chosen)


def _fact_line(fact: Fact, person: Person, here: datetime) -> str:
    return f"- {_flat(fact.text)} (told {ago(local(fact.valid_from, person.time_zone), here)})"


def _memory_line(memory: Memory, person: Person, name: str, here: datetime) -> str:
    # A name with a colon would put words into somebody else's mouth.
    who = ((one_line(person.display_name) or "They") if memory.by_person else name).replace(":", " ")
    said = memory.content if len(memory.content) <= MEMORY_CHARS else memory.content[:MEMORY_CHARS] + "…"
    when = local(memory.said_at, person.time_zone)
    times = f", said {len(memory.others) + 1} times" if memory.others else ""
    return f"- {ago(when, here)} ({when:%d %B %Y}{times}), {who}: {_flat(said)}"


def _flat(text: str) -> str:
    """On one line, so that no text can look like several entries."""
    return defuse(" ".join(text.split()))
