"""Characters: created, edited, taken back to a version, cloned, renamed, archived and restored, against a dict."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.machines import Machine, loop, one_of
from whisperengine.characters import store, versions
from whisperengine.characters.definition import Definition, parse
from whisperengine.characters.store import Character
from whisperengine.db.pool import open_pool
from whisperengine.errors import ChangedMeanwhile, ConflictError

NAMES = st.sampled_from(("ada", "bob", "cleo"))
TEXTS = st.sampled_from(("A keeper of bees.", "A diver.", "Nobody knows.", ""))
_numbers = itertools.count(1)


@dataclass
class Kept:
    """A character as it should be stored: the definition of every version, the last one being the present."""

    name: str
    saved: list[Definition] = field(default_factory=list)
    archived: bool = False


@contextmanager
def characters(database: str) -> Iterator[Machine]:
    """The machine, on a pool of its own; each example has names of its own."""
    with loop() as (runner, stack):
        pool = runner.run(open_pool(database, 2))
        stack.push_async_callback(pool.close)

        class Characters(RuleBasedStateMachine):
            def __init__(self) -> None:
                super().__init__()
                self.prefix = f"example{next(_numbers)}_"
                self.kept: dict[str, Kept] = {}

            def definition(self, name: str, text: str) -> Definition:
                identity = {"full_name": name, **({"description": text} if text else {})}
                return parse({"cdl": "3.0", "name": self.prefix + name, "identity": identity})

            def stored(self, work: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
                async def call() -> Any:
                    async with pool.acquire() as connection:
                        return await work(connection, *arguments, **options)

                return runner.run(call())

            def refused(self, work: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> str:
                try:
                    self.stored(work, *arguments, **options)
                except (ChangedMeanwhile, ConflictError) as error:
                    return error.code
                raise AssertionError("it was not refused")

            def create(self, definition: Definition) -> None:
                name = definition.name
                if name in self.kept:
                    assert self.refused(store.create, definition) == "name_taken"
                    return
                made: Character = self.stored(store.create, definition)
                assert (made.name, made.version) == (name, 1)
                self.kept[name] = Kept(name, [definition])

            def save(self, kept: Kept, definition: Definition, expected: int | None) -> None:
                """A new version, perhaps under another name."""
                present, taken = kept.saved[-1], definition.name != kept.name and definition.name in self.kept
                options = {"expected_version": expected}
                if expected not in (None, len(kept.saved)):
                    assert self.refused(store.replace, kept.name, definition, **options)
                    return
                if taken:
                    assert self.refused(store.replace, kept.name, definition, **options) == "name_taken"
                    return
                saved: Character = self.stored(store.replace, kept.name, definition, **options)
                if definition.sha256 != present.sha256:
                    kept.saved.append(definition)
                    self.kept[definition.name] = self.kept.pop(kept.name)
                    kept.name = definition.name
                assert saved.version == len(kept.saved)

            def any_of(self, data: st.DataObject) -> Kept | None:
                return one_of(data, sorted(self.kept.values(), key=lambda each: each.name))

            @rule(name=NAMES, text=TEXTS)
            def make(self, name: str, text: str) -> None:
                self.create(self.definition(name, text))

            @rule(data=st.data(), text=TEXTS, behind=st.none() | st.sampled_from((0, 1)))
            def edit(self, data: st.DataObject, text: str, behind: int | None) -> None:
                if kept := self.any_of(data):
                    document = {**kept.saved[-1].document, "identity": {"full_name": "x", "description": text or "y"}}
                    expected = None if behind is None else len(kept.saved) - behind
                    self.save(kept, parse(document), expected)

            @rule(data=st.data())
            def go_back(self, data: st.DataObject) -> None:
                if kept := self.any_of(data):
                    number = data.draw(st.integers(1, len(kept.saved)))
                    earlier = self.stored(versions.version, kept.name, number)
                    assert earlier.sha256 == kept.saved[number - 1].sha256
                    self.save(kept, parse({**earlier.document, "name": kept.name}), None)

            @rule(data=st.data(), name=NAMES)
            def clone(self, data: st.DataObject, name: str) -> None:
                if kept := self.any_of(data):
                    self.create(parse({**kept.saved[-1].document, "name": self.prefix + name}))

            @rule(data=st.data(), name=NAMES)
            def rename(self, data: st.DataObject, name: str) -> None:
                if kept := self.any_of(data):
                    self.save(kept, parse({**kept.saved[-1].document, "name": self.prefix + name}), len(kept.saved))

            @rule(data=st.data())
            def archive(self, data: st.DataObject) -> None:
                if kept := self.any_of(data):
                    assert self.stored(store.archive, kept.name) is not kept.archived
                    kept.archived = True

            @rule(data=st.data())
            def restore(self, data: st.DataObject) -> None:
                if kept := self.any_of(data):
                    assert self.stored(store.restore, kept.name) is kept.archived
                    kept.archived = False

            @rule(name=NAMES)
            def ask_for_one_that_there_is_not(self, name: str) -> None:
                name = self.prefix + name
                if name not in self.kept:
                    assert self.stored(store.get, name, archived=True) is None
                    assert self.stored(store.replace, name, self.definition("x", ""), expected_version=None) is None
                    assert not self.stored(store.archive, name)
                    assert self.stored(versions.versions, name) == []

            @invariant()
            def the_store_holds_the_same_characters(self) -> None:
                for archived in (False, True):
                    listed = self.stored(store.list_characters, archived=archived, q=self.prefix)
                    expected = sorted(each.name for each in self.kept.values() if archived or not each.archived)
                    assert [each.name for each in listed if each.name.startswith(self.prefix)] == expected
                for kept in self.kept.values():
                    found = self.stored(store.get, kept.name, archived=True)
                    assert (found.definition.sha256, found.version) == (kept.saved[-1].sha256, len(kept.saved))
                    assert bool(found.archived_at) == kept.archived
                    saved = self.stored(versions.versions, kept.name)
                    assert [each.version for each in saved] == list(range(len(kept.saved), 0, -1))

        yield Characters
