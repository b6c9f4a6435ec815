"""Another embedding model: messages move while services go on, and vectors of two models never meet."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.support import service as services
from tests.support.service import Client
from tests.support.talk import Talk, talking
from whisperengine import cli
from whisperengine.db.ids import new_id
from whisperengine.errors import ConflictError
from whisperengine.learning import reembedding
from whisperengine.memory import corrections, indexing, messages, recall, vectors
from whisperengine.memory.asked import ask
from whisperengine.memory.messages import Place, Read

THINGS = ["lamp", "river", "violin", "ladder", "harbour", "walnut"]
LATER = timedelta(days=1)


def embedding(text: str, dimensions: int = 48) -> np.ndarray:
    """The made-up second model: the same words, the same place."""
    values = np.full(dimensions, 1e-3, np.float32)
    for word in text.lower().strip("?.").split():
        values[int(hashlib.sha256(word.encode()).hexdigest(), 16) % dimensions] += 1
    return values / np.linalg.norm(values)


async def embed(texts: Sequence[str]) -> list[np.ndarray]:
    return [embedding(text) for text in texts]


@pytest.fixture
async def talk(database: str) -> AsyncIterator[Talk]:
    """A person with six messages and their answers, all with vectors of the first model (8 numbers)."""
    async with talking(database) as talk:
        await talk.say(*(f"my {thing} is old" for thing in THINGS), at=datetime.now(UTC) - timedelta(days=3))
        yield talk


async def second(talk: Talk) -> int:
    return await indexing.model_id(talk.pool, "second", 48)


async def move(talk: Talk, embed=embed) -> int:
    return await reembedding.move(talk.pool, await second(talk), embed, share=1, moved=lambda count: None)


async def counted(talk: Talk) -> dict[int, int]:
    """Vectors by their number of dimensions."""
    rows = await talk.pool.fetch("select vector_dims(embedding) as n, count(*) from embeddings group by 1")
    return {row["n"]: row["count"] for row in rows}


async def found(talk: Talk, question: str) -> dict[str, float]:
    """Content to semantic score of what the second model's service recalls."""
    asked = ask(question, person="Sam", character="A", now=datetime.now(UTC), zone="UTC")
    place = Place(talk.user_id, talk.character_id, "elsewhere", False)
    recalled = await recall.recall(
        talk.pool, place, asked, embedding(question), await second(talk), before=new_id(), limit=20
    )
    return {memory.content: memory.scores["semantic"] for memory in recalled.memories}


async def test_every_message_moves_and_the_vectors_before_are_deleted(talk: Talk):
    assert await vectors.count_unmoved(talk.pool, "second") == 12
    assert await move(talk) == 12
    assert await vectors.count_unmoved(talk.pool, "second") == 0
    assert await counted(talk) == {8: 12, 48: 12}
    assert await reembedding.drop_old(talk.pool, await second(talk), datetime.now(UTC)) == 12
    assert await counted(talk) == {48: 12}
    assert await move(talk) == 0


async def test_until_it_is_moved_a_message_is_found_by_its_words_and_then_by_its_meaning(talk: Talk):
    before = await found(talk, "violin?")
    assert next(iter(before)) == "my violin is old"
    assert set(before.values()) == {0.0}
    await move(talk)
    after = await found(talk, "violin?")
    assert after["my violin is old"] > 0
    assert next(iter(after)) == "my violin is old"


async def test_half_moved_both_kinds_are_found_and_never_compared_with_each_other(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reembedding, "BATCH", 4)
    with pytest.raises(asyncio.CancelledError):
        await move(talk, stops_after(1))
    assert await counted(talk) == {8: 12, 48: 4}
    assert await reembedding.drop_old(talk.pool, await second(talk), datetime.now(UTC)) == 4
    assert await counted(talk) == {8: 8, 48: 4}
    for thing in THINGS:
        assert f"my {thing} is old" in await found(talk, f"what of my {thing}")


async def test_a_run_that_ended_early_goes_on_where_it_was(talk: Talk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reembedding, "BATCH", 5)
    with pytest.raises(asyncio.CancelledError):
        await move(talk, stops_after(2))
    assert await vectors.count_unmoved(talk.pool, "second") == 2
    assert await move(talk) == 2


async def test_two_processes_do_not_do_the_same_work(talk: Talk):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(texts: Sequence[str]) -> list[np.ndarray]:
        begun.set()
        await go_on.wait()
        return await embed(texts)

    first = asyncio.create_task(move(talk, slow))
    await begun.wait()
    with pytest.raises(ConflictError):
        await move(talk)
    go_on.set()
    assert await first == 12


async def test_what_is_said_edited_and_deleted_meanwhile_is_right_in_the_end(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reembedding, "BATCH", 4)
    rows = await talk.rows("select message_id from messages where user_id = $1 and character_id = $2 order by 1")
    ids = [row["message_id"] for row in rows]
    batches = 0

    async def disturbed(texts: Sequence[str]) -> list[np.ndarray]:
        nonlocal batches
        batches += 1
        if batches == 1:
            read = Read(talk.model_id, np.ones(8, "f4"), [0.0] * 28, "neutral", 0.1)
            await corrections.edit(talk.pool, talk.user_id, talk.character_id, ids[0], "my oboe is new", read)
            await corrections.delete(talk.pool, talk.user_id, talk.character_id, ids[2])
            place = Place(talk.user_id, talk.character_id, "home", False)
            await messages.accept(talk.pool, place, new_id(), datetime.now(UTC), "my piano is loud", read, None)
        return await embed(texts)

    since = datetime.now(UTC)
    await move(talk, disturbed)
    rows = await talk.rows(
        "select m.content, e.embedding from messages m join embeddings e using (user_id, character_id, message_id) "
        "where m.user_id = $1 and m.character_id = $2 and vector_dims(e.embedding) = 48"
    )
    assert len(rows) == 12
    for row in rows:
        np.testing.assert_allclose(row["embedding"], embedding(row["content"]), atol=1e-3)
    # Some service still writes vectors of the model before: it must not go blind.
    assert await reembedding.drop_old(talk.pool, await second(talk), since) is None
    assert (await counted(talk))[8] == 12
    assert await reembedding.drop_old(talk.pool, await second(talk), since + LATER) == 12


async def test_the_command_moves_to_the_real_model_while_a_service_says_what_to_do(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    config = services.test_config(database_url=talk.dsn)
    monkeypatch.setenv("DATABASE_URL", talk.dsn)
    monkeypatch.setenv("DOTENV_PATH", "none")
    with caplog.at_level(logging.WARNING):
        async with services.running(config) as service:
            async with asyncio.timeout(60):
                while "whisperengine reembed" not in caplog.text:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert "12 messages have no vector" in caplog.text
            name = await talk.pool.fetchval(
                "update characters c set definition = a.definition from characters a "
                "where c.id = $1 and a.name = 'assistant' returning c.name",
                talk.character_id,
            )
            assert await semantic(service, name, "my violin") == 0
            assert await asyncio.to_thread(cli.main, ["reembed", "--share", "1"]) == 0
            assert await semantic(service, name, "my violin") > 0
    out = capsys.readouterr()
    assert "12 vectors of other models deleted" in out.out
    assert await counted(talk) == {384: 12}


async def semantic(service: Client, character: str, question: str) -> float:
    _, body = await service.get("/api/users/sam/memories", params={"q": question, "character": character})
    assert body["memories"][0]["content"] == "my violin is old"
    return body["memories"][0]["scores"]["semantic"]


def stops_after(batches: int):
    """An encoder that is cancelled after so many batches, as a process that ends."""
    done = 0

    async def stopping(texts: Sequence[str]) -> list[np.ndarray]:
        nonlocal done
        done += 1
        if done > batches:
            raise asyncio.CancelledError
        return await embed(texts)

    return stopping
