"""Facts and what they came from: learned, superseded, pinned, changed, forgotten, and gone with their messages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.machines import Machine, loop, one_of
from tests.support.talk import talking
from whisperengine.learning import retention
from whisperengine.memory import corrections, facts
from whisperengine.memory.facts import SHOWN_FROM, Learned
from whisperengine.memory.messages import Place

SLOTS = st.sampled_from(("lives_in", "taste:tea"))
VALUES = st.sampled_from(("Lisbon", "lisbon", "Porto", "Faro"))
TOLD = st.tuples(SLOTS, VALUES, st.sampled_from((0.9, 0.6, 0.3)), st.booleans())
DAYS = 30
_numbers = itertools.count(1)


@dataclass
class Fact:
    """A fact as it should be stored; `by` is the id of what superseded it."""

    id: int
    slot: str
    value: str
    shared: bool
    origin: str
    confidence: float
    valid_from: datetime
    pinned: bool = False
    by: int | None = None
    sources: set[int] = field(default_factory=set)


@contextmanager
def memory(database: str) -> Iterator[Machine]:
    """The machine, on a pool of its own; each example is another person."""
    with loop() as (runner, _):

        class Memory(RuleBasedStateMachine):
            def __init__(self) -> None:
                super().__init__()
                self.opened = talking(database, f"person-{next(_numbers)}")
                self.talk = runner.run(self.opened.__aenter__())
                self.whose = (self.talk.user_id, self.talk.character_id)
                self.began = datetime.now(UTC)
                # Message id: (when, shared, pinned). Answers are stored with them and taken away with them.
                self.said: dict[int, tuple[datetime, bool, bool]] = {}
                self.facts: dict[int, Fact] = {}

            def teardown(self) -> None:
                runner.run(self.opened.__aexit__(None, None, None))

            def standing(self, slot: str, shared: bool) -> Fact | None:
                found = [
                    fact for fact in self.facts.values() if (fact.slot, fact.shared, fact.by) == (slot, shared, None)
                ]
                assert len(found) <= 1
                return found[0] if found else None

            def without_sources(self, gone: set[int]) -> None:
                """What is left when messages are gone."""
                for fact in [*self.facts.values()]:
                    if not fact.sources & gone:
                        continue
                    fact.sources -= gone
                    if not (fact.sources or fact.origin == "person" or fact.pinned):
                        del self.facts[fact.id]
                        for earlier in self.facts.values():
                            if earlier.by == fact.id:
                                earlier.by = fact.by

            @initialize()
            def have_said_something(self) -> None:
                for shared, days in ((False, 1), (False, 40), (True, 2)):
                    self.say_at(shared, days)

            @rule(shared=st.booleans(), days=st.sampled_from((0, 10, 29, 31, 60)))
            def say(self, shared: bool, days: int) -> None:
                self.say_at(shared, days)

            def say_at(self, shared: bool, days: int) -> None:
                at = self.began - timedelta(days=days, minutes=len(self.said))
                channel = "guild" if shared else "dm"
                (said,) = runner.run(
                    self.talk.say(f"Something {next(_numbers)}", channel=channel, shared=shared, at=at)
                )
                self.said[said] = (at, shared, False)

            @rule(data=st.data(), told=st.lists(TOLD, min_size=1, max_size=4))
            def learn(self, data: st.DataObject, told: list[tuple[str, str, float, bool]]) -> None:
                for slot, value, confidence, person in told:
                    message = one_of(data, sorted(self.said))
                    if message is not None:
                        self.learn_one(message, slot, value, confidence, person)

            def learn_one(self, message: int, slot: str, value: str, confidence: float, person: bool) -> None:
                at, shared, _ = self.said[message]
                origin = "person" if person else "pattern"
                learned = Learned("place", slot, value, f"{slot} is {value}", confidence, origin, message, at)
                now = self.standing(slot, shared)

                async def store() -> int | None:
                    async with self.talk.pool.acquire() as connection, connection.transaction():
                        return await facts.learn(connection, *self.whose, learned, shared)

                stored = runner.run(store())
                if now and now.value.casefold() == value.casefold():
                    assert stored == now.id
                    if message not in now.sources:
                        now.confidence = 1 - (1 - now.confidence) * (1 - confidence / 2)
                        now.sources.add(message)
                    return
                if now and ((now.pinned and not person) or confidence < SHOWN_FROM or at < now.valid_from):
                    assert stored is None
                    return
                assert stored is not None
                assert stored not in self.facts
                if now:
                    now.by = stored
                self.facts[stored] = Fact(stored, slot, value, shared, origin, confidence, at, sources={message})

            @rule(data=st.data(), pinned=st.none() | st.booleans(), text=st.none() | st.just("Written by hand"))
            def change(self, data: st.DataObject, pinned: bool | None, text: str | None) -> None:
                fact = one_of(data, sorted(self.facts.values(), key=lambda each: each.id))
                if fact is None:
                    return
                changed = runner.run(facts.change(self.talk.pool, *self.whose, fact.id, text=text, pinned=pinned))
                assert changed is not None
                fact.pinned = fact.pinned if pinned is None else pinned
                if text:
                    fact.value, fact.origin, fact.confidence = text, "person", 1.0

            @rule(data=st.data(), how=st.sampled_from(("delete_a_message", "forget", "delete_by_age", "pin_a_message")))
            def take_away(self, data: st.DataObject, how: str) -> None:
                """One rule for all of it: of many rules most examples would leave some out."""
                getattr(self, how)(data)

            def forget(self, data: st.DataObject) -> None:
                fact = one_of(data, sorted(self.facts.values(), key=lambda each: each.id))
                if fact is None:
                    return

                async def forget() -> bool:
                    async with self.talk.pool.acquire() as connection, connection.transaction():
                        return await facts.forget(connection, *self.whose, fact.id)

                assert runner.run(forget())
                gone = {fact.id}
                while more := {each.id for each in self.facts.values() if each.by in gone} - gone:
                    gone |= more
                self.facts = {id: each for id, each in self.facts.items() if id not in gone}

            def pin_a_message(self, data: st.DataObject) -> None:
                message = one_of(data, sorted(self.said))
                if message is not None:
                    assert runner.run(corrections.pin(self.talk.pool, *self.whose, message, True))
                    self.said[message] = (*self.said[message][:2], True)

            def delete_a_message(self, data: st.DataObject) -> None:
                message = one_of(data, sorted(self.said))
                if message is None:
                    return
                assert message in runner.run(corrections.delete(self.talk.pool, *self.whose, message))
                del self.said[message]
                self.without_sources({message})

            def delete_by_age(self, _: st.DataObject) -> None:
                runner.run(retention.delete_old(self.talk.pool, *self.whose, DAYS))
                limit = datetime.now(UTC) - timedelta(days=DAYS)
                gone = {id for id, (at, _, pinned) in self.said.items() if at < limit and not pinned}
                self.said = {id: each for id, each in self.said.items() if id not in gone}
                self.without_sources(gone)

            @invariant()
            def the_store_holds_the_same_facts(self) -> None:
                stored = runner.run(facts.of_person(self.talk.pool, *self.whose, past=True))
                assert [
                    (each.fact_id, each.slot, each.value, each.shared, each.origin, each.pinned, each.superseded_by)
                    for each in stored
                ] == [
                    (each.id, each.slot, each.value, each.shared, each.origin, each.pinned, each.by)
                    for each in sorted(self.facts.values(), key=lambda each: each.id)
                ]
                for each in stored:
                    assert set(each.sources) == self.facts[each.fact_id].sources
                    assert abs(each.confidence - self.facts[each.fact_id].confidence) < 1e-5
                    assert (each.superseded_at is None) == (each.superseded_by is None)
                for shared in (False, True):
                    shown = facts.for_prompt(stored, Place(*self.whose, "x", shared))
                    assert not any(not each.shared for each in shown if shared)
                    assert len({each.slot for each in shown}) == len(shown)

            @invariant()
            def the_store_holds_the_same_messages(self) -> None:
                rows = runner.run(
                    self.talk.rows(
                        "select message_id from messages where user_id = $1 and character_id = $2 and role = 'person'"
                    )
                )
                assert {row["message_id"] for row in rows} == set(self.said)

        yield Memory
