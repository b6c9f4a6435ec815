"""Turns over HTTP: said, failed, repeated, answered anew, edited, deleted and erased, against a list in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.machines import Machine, loop, one_of
from tests.support import service as services
from tests.support.llm_stub import LLMStub, error_body, refuses, says
from tests.support.service_fixtures import with_model
from whisperengine.db.pool import open_pool

PEOPLE = st.sampled_from(("ann", "ben"))
CHANNELS = st.sampled_from(("home", "work"))
FAILS = refuses(400, error_body("This model's maximum context length is 10 tokens", "context_length_exceeded"))
_numbers = itertools.count(1)

_STORED = """
select m.message_id, m.role, m.channel, m.content, m.reply_to, m.request_key
from identities i join messages m using (user_id) where i.platform = 'api' and i.platform_user_id = $1
order by m.message_id
"""
_COUNTED = """
select c.messages = (select count(*) from messages m where (m.user_id, m.character_id) = (c.user_id, c.character_id))
  and c.terms = (select coalesce(sum(term_count), 0) from messages m
                 where (m.user_id, m.character_id) = (c.user_id, c.character_id)) as right
from identities i join conversations c using (user_id) where i.platform = 'api' and i.platform_user_id = $1
"""


@dataclass(frozen=True)
class Row:
    """A message as it should be stored. `key` is None where none was sent; what the service made up counts as one."""

    id: int
    person: bool
    channel: str
    content: str
    reply_to: int | None = None
    key: str | None = None


@contextmanager
def turns(database: str) -> Iterator[Machine]:
    """The machine, on a service in this process whose model answers, or fails, as each step says."""
    with loop() as (runner, stack):
        stub = LLMStub()
        runner.run(stack.enter_async_context(stub.serving()))
        config = replace(with_model(database, stub.url), llm_retries=0, llm_timeout=60.0, llm_connect_timeout=30.0)
        client = runner.run(stack.enter_async_context(services.running(config)))
        pool = runner.run(open_pool(database, 1))
        stack.push_async_callback(pool.close)

        class Turns(RuleBasedStateMachine):
            def __init__(self) -> None:
                super().__init__()
                self.example = next(_numbers)
                self.rows: dict[str, list[Row]] = {"ann": [], "ben": []}

            def id_of(self, person: str) -> str:
                return f"{person}-{self.example}"

            def call(self, method: str, path: str, person: str, **options: Any) -> tuple[int, Any]:
                status, body, _ = runner.run(client.request(method, path.format(self.id_of(person)), **options))
                return status, body

            def send(self, person: str, channel: str, text: str, key: str | None, *, fails: bool) -> tuple[int, Any]:
                answer = f"Answer {next(_numbers)}."
                stub.will(FAILS if fails else says(answer))
                body = {"user_id": self.id_of(person), "message": text, "context": {"channel_id": channel}}
                headers = {"Idempotency-Key": key} if key else {}
                status, said = self.call("POST", "/api/chat", person, json=body, headers=headers)
                if status == 200:
                    assert said["response"] == answer or any(
                        row.content == said["response"] for row in self.rows[person]
                    )
                return status, said

            def of_channel(self, person: str, channel: str) -> list[Row]:
                return [row for row in self.rows[person] if row.channel == channel]

            def answer_to(self, person: str, row: Row) -> Row | None:
                return next((each for each in self.rows[person] if each.reply_to == row.id), None)

            def answered(self, person: str, row: Row, said: Any) -> None:
                """The answer that came is the one that there was, or a new one behind everything."""
                assert int(said["message_id"]) == row.id
                known = self.answer_to(person, row)
                if known:
                    assert (int(said["response_id"]), said["response"]) == (known.id, known.content)
                else:
                    self.rows[person].append(
                        Row(int(said["response_id"]), False, row.channel, said["response"], row.id)
                    )

            def stored_after_failure(self, person: str, channel: str, text: str, key: str | None) -> None:
                """What the service kept of a message whose turn failed."""
                stored = runner.run(pool.fetch(_STORED, self.id_of(person)))
                new = [row for row in stored if row["message_id"] not in {each.id for each in self.rows[person]}]
                assert [(row["content"], row["role"]) for row in new] == [(text, "person")]
                self.rows[person].append(Row(new[0]["message_id"], True, channel, text, None, key))

            @rule(person=PEOPLE, channel=CHANNELS, keyed=st.booleans())
            def say(self, person: str, channel: str, keyed: bool) -> None:
                number = next(_numbers)
                text, key = f"Message {number} about the sea", f"key-{number}" if keyed else None
                status, said = self.send(person, channel, text, key, fails=False)
                assert status == 200, said
                row = Row(int(said["message_id"]), True, channel, text, None, key)
                self.rows[person].append(row)
                self.answered(person, row, said)

            @rule(person=PEOPLE, channel=CHANNELS, keyed=st.booleans())
            def say_while_the_model_fails(self, person: str, channel: str, keyed: bool) -> None:
                number = next(_numbers)
                text, key = f"Message {number} about the moon", f"key-{number}" if keyed else None
                status, _ = self.send(person, channel, text, key, fails=True)
                assert status == 502
                self.stored_after_failure(person, channel, text, key)

            @rule(person=PEOPLE, channel=CHANNELS)
            def say_the_same_again(self, person: str, channel: str) -> None:
                """Without a key: the last word of a channel is meant once more while it has no answer."""
                said_here = self.of_channel(person, channel)
                last = max(said_here, key=lambda row: row.id, default=None)
                if last is None or not last.person:
                    return
                status, said = self.send(person, channel, last.content, None, fails=False)
                assert status == 200, said
                row = last
                if last.key is not None:
                    row = Row(int(said["message_id"]), True, channel, last.content)
                    self.rows[person].append(row)
                self.answered(person, row, said)

            @rule(person=PEOPLE, data=st.data(), fails=st.booleans())
            def repeat_with_its_key(self, person: str, data: st.DataObject, fails: bool) -> None:
                row = one_of(data, [row for row in self.rows[person] if row.key and row.key.startswith("key-")])
                if row is None:
                    return
                waits = self.answer_to(person, row) is None
                status, said = self.send(person, row.channel, row.content, row.key, fails=fails)
                if waits and fails:
                    assert status == 502
                    return
                assert status == 200, said
                self.answered(person, row, said)

            @rule(person=PEOPLE, data=st.data())
            def use_a_key_for_other_words(self, person: str, data: st.DataObject) -> None:
                row = one_of(data, [row for row in self.rows[person] if row.key and row.key.startswith("key-")])
                if row is not None:
                    status, said = self.send(person, row.channel, "Other words", row.key, fails=False)
                    assert (status, said["code"]) == (409, "idempotency_key_reused")

            @rule(person=PEOPLE, channel=CHANNELS, fails=st.booleans())
            def answer_anew(self, person: str, channel: str, fails: bool) -> None:
                answer = f"Answer {next(_numbers)}."
                stub.will(FAILS if fails else says(answer))
                body = {"user_id": self.id_of(person), "context": {"channel_id": channel}}
                status, said = self.call("POST", "/api/chat/regenerate", person, json=body)
                last = max(
                    (row for row in self.of_channel(person, channel) if row.person),
                    key=lambda row: row.id,
                    default=None,
                )
                if last is None:
                    assert (status, said["code"]) == (404, "nothing_said")
                    return
                rows = [row for row in self.rows[person] if row.reply_to != last.id]
                self.rows[person] = [replace(row, key=row.key or "again") if row == last else row for row in rows]
                if fails:
                    assert status == 502
                else:
                    assert (status, said["response"]) == (200, answer)
                    self.answered(person, last, said)

            @rule(person=PEOPLE, data=st.data())
            def edit(self, person: str, data: st.DataObject) -> None:
                row = one_of(data, self.rows[person])
                if row is None:
                    return
                text = f"Edited {next(_numbers)}"
                status, body = self.call("PATCH", f"/api/users/{{}}/memories/{row.id}", person, json={"content": text})
                assert status == 200, body
                self.rows[person] = [replace(each, content=text) if each == row else each for each in self.rows[person]]

            @rule(person=PEOPLE, data=st.data())
            def delete(self, person: str, data: st.DataObject) -> None:
                row = one_of(data, self.rows[person])
                if row is None:
                    return
                status, body = self.call("DELETE", f"/api/users/{{}}/memories/{row.id}", person)
                gone = {each.id for each in self.rows[person] if row.id in (each.id, each.reply_to)}
                assert (status, set(map(int, body["deleted"]))) == (200, gone)
                self.rows[person] = [each for each in self.rows[person] if each.id not in gone]
                again = self.call("DELETE", f"/api/users/{{}}/memories/{row.id}", person)
                assert again[0] == 404

            @rule(person=PEOPLE)
            def erase(self, person: str) -> None:
                status, _ = self.call("DELETE", "/api/users/{}", person)
                assert status in ((200,) if self.rows[person] else (200, 404))
                self.rows[person] = []
                assert self.call("GET", "/api/users/{}", person)[0] == 404

            @invariant()
            def the_store_holds_what_was_said(self) -> None:
                for person, rows in self.rows.items():
                    stored = runner.run(pool.fetch(_STORED, self.id_of(person)))
                    assert [
                        (row["message_id"], row["role"] == "person", row["channel"], row["content"], row["reply_to"])
                        for row in stored
                    ] == [
                        (row.id, row.person, f"api:{row.channel}", row.content, row.reply_to)
                        for row in sorted(rows, key=lambda row: row.id)
                    ]
                    assert all(row["right"] for row in runner.run(pool.fetch(_COUNTED, self.id_of(person))))

        yield Turns
