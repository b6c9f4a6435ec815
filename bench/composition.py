"""How long composing one prompt takes on the event loop, with a lorebook of 200 entries and a talk of 30 messages.

    python bench/composition.py [--entries 200] [--turns 30] [--runs 400]

Prints a table and one JSON line. Nothing but the composition is measured: no database, no encoder, no model.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.memories import Words
from whisperengine.characters import store
from whisperengine.characters.definition import Definition, parse
from whisperengine.chat import script
from whisperengine.chat.prompt import compose
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.memory.groundwork import Turn
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Memory, Recollection
from whisperengine.memory.relationship import Relationship

BAR_MS = 3.0
NOW = datetime(2026, 6, 15, 18, 30, tzinfo=UTC)
FEELING = EmotionReading("joy", 0.7, 0.9, (), {"joy": 0.9}, {}, "head")
MEMORIES = 12


def names(count: int, chance: random.Random) -> list[str]:
    """Names as worlds have them: nearly every key of a lorebook is one."""
    parts = ("var", "hol", "tir", "mos", "ken", "dra", "lys", "orn", "bel", "gat", "ith", "sol", "ruk", "ane")
    return ["".join(chance.sample(parts, 3)).title() for _ in range(count)]


def book(known: list[str], words: Words, chance: random.Random) -> dict[str, Any]:
    """Entries as authors mix them: one in twenty a pattern, some with secondary keys, some always there, some that
    stay or rest.
    """
    made = []
    for number, name in enumerate(known):
        entry: dict[str, Any] = {
            "id": number,
            "keys": [name, f"the {name} {words.sentence(1)}", words.sentence(2)],
            "content": f"{words.sentence(30)} {{{{char}}}} knows.",
        }
        if chance.random() < 0.3:
            entry["content"] += f" It is near {chance.choice(known)}."
        match number % 20:
            case 0:
                entry |= {"keys": [rf"/\b(old|new)? ?{name}(er)?s?\b/i"]}
            case 1 | 2:
                entry |= {"selective": True, "secondary_keys": [words.sentence(1)], "secondary_logic": "and_all"}
            case 3 | 4:
                entry |= {"match_whole_words": True, "case_sensitive": True}
            case 5 | 6:
                entry |= {"sticky": 3, "cooldown": 5, "probability": 60}
            case 7:
                entry |= {"position": "at_depth", "depth": chance.randint(0, 6)}
            case 8 if number % 60 == 8:
                entry |= {"constant": True}
        made.append(entry)
    return {"scan_depth": 8, "recursive_scanning": True, "entries": made}


def character(known: list[str], words: Words, chance: random.Random) -> Definition:
    definition = next(found for found in store.builtin() if found.name == "mira_okafor")
    return parse({**definition.document, "lorebook": book(known, words, chance)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--runs", type=int, default=400)
    asked = parser.parse_args()
    chance = random.Random(5)
    words = Words(5)
    known = names(asked.entries, chance)
    definition = character(known, words, chance)

    def said(length: int) -> str:
        """A message; every other one names something of the book."""
        return words.sentence(length) + (f" {chance.choice(known)}" if chance.random() < 0.5 else "")

    person = Person(1, "Sam", "Europe/Lisbon")
    talk = [Turn(n, n % 2 == 0, said(40), NOW, None) for n in range(asked.turns)]
    memories = [
        Memory(n, True, words.sentence(30), NOW - timedelta(days=n + 5), "api:x", False, 1.0, {})
        for n in range(MEMORIES)
    ]

    def once(number: int, state: Any, definition: Definition) -> Any:
        recollection = Recollection(
            memories, talk, Relationship(interactions=number, last_at=NOW), 1000, state=state.as_json() if state else {}
        )
        return compose(
            definition,
            person=person,
            recollection=recollection,
            feeling=FEELING,
            message=said(25),
            scene="",
            now=NOW + timedelta(minutes=number),
            budget=7_600,
        )

    started = time.perf_counter()
    script.script(definition)
    compiled = (time.perf_counter() - started) * 1000
    # The patterns' automata are built while they run: a service that has been up for a while has them.
    state = None
    for number in range(20):
        state = once(number, state, definition).state
    taken, worked, entered, tokens = [], [], [], []
    for number in range(20, 20 + asked.runs):
        started, busy = time.perf_counter(), time.thread_time()
        composed = once(number, state, definition)
        taken.append((time.perf_counter() - started) * 1000)
        worked.append((time.thread_time() - busy) * 1000)
        state = composed.state
        entered.append(sum(part.name.startswith("lore: ") and bool(part.text) for part in composed.sections))
        tokens.append(composed.tokens)
    p50, p99 = median(taken), quantiles(taken, n=100)[98]
    result = {
        "entries": asked.entries,
        "turns": asked.turns,
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "longest_ms": round(max(taken), 2),
        "cpu_p50_ms": round(median(worked), 2),
        "compile_ms": round(compiled, 1),
        "entries_entered": round(sum(entered) / len(entered), 1),
        "tokens": round(sum(tokens) / len(tokens)),
        "bar_p50_ms": BAR_MS,
        "held": p50 <= BAR_MS,
    }
    for name, value in result.items():
        print(f"{name:18} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
