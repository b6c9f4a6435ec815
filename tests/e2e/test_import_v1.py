"""import-v1 on a database and a Qdrant with the tables and payloads of WhisperEngine 1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web

from tests.e2e.test_backup_command import run
from tests.support import service as services
from tests.support.tables import contents


def said(number: int, source: str, content: str, at: str, **more: str) -> dict:
    payload = {
        "user_id": "123456789012345678",
        "memory_type": "conversation",
        "content": content,
        "timestamp": at,
        "source": source,
        "channel_id": "77",
        "channel_type": "dm",
        **more,
    }
    return {"id": f"00000000-0000-4000-8000-{number:012}", "payload": payload}


POINTS = [
    said(1, "user_message", "I want a boat.", "2025-10-01T10:00:00"),
    said(2, "bot_response", "Which one?", "2025-10-01T10:00:00.001"),
    said(3, "conversation_pair", "User: I want a boat. Bot: Which one?", "2025-10-01T10:00:00"),
    said(4, "user_message", "Hello all!", "2025-10-02T09:00:00", channel_type="guild", channel_id="88"),
    said(5, "bot_response", "Hello Sam!", "2025-10-02T09:00:00.001", channel_type="guild", channel_id="88"),
]


@pytest.fixture
async def old(empty_database: str, repository: Path) -> str:
    connection = await asyncpg.connect(empty_database)
    await connection.execute((repository / "tests/fixtures/whisperengine_1.sql").read_text())
    await connection.close()
    return empty_database


@pytest.fixture
async def qdrant() -> AsyncIterator[str]:
    """Two points on a page."""

    async def scroll(request: web.Request) -> web.Response:
        if request.match_info["collection"] != "whisperengine_memory_elena":
            return web.json_response({"status": {"error": "Not found"}}, status=404)
        begin = (await request.json())["offset"] or 0
        after = begin + 2 if begin + 2 < len(POINTS) else None
        return web.json_response({"result": {"points": POINTS[begin : begin + 2], "next_page_offset": after}})

    application = web.Application()
    application.router.add_post("/collections/{collection}/points/scroll", scroll)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_without_yes_it_is_only_told_what_would_come_over(home: Path, old: str, qdrant: str, database: str):
    before = await contents(database)
    code, told = await run(home, "import-v1", "--postgres", old, "--qdrant", qdrant, DATABASE_URL=database)
    assert code == 0, told
    assert "Found: 1 characters, 2 people" in told
    assert "4 message" in told
    assert "elena: ready" in told
    assert "character_llm_config" in told
    assert "sk-secret" not in told
    assert "Nothing was changed" in told
    assert await contents(database) == before


async def test_characters_and_people_come_over_and_are_remembered(home: Path, old: str, qdrant: str, database: str):
    old_before = await contents(old)
    for _ in range(2):
        code, told = await run(home, "import-v1", "--postgres", old, "--qdrant", qdrant, "--yes", DATABASE_URL=database)
        assert code == 0, told
    assert "elena is here already" in told
    assert await contents(old) == old_before
    connection = await asyncpg.connect(database)
    try:
        definition = await connection.fetchval("select definition::text from characters where name = 'elena'")
        for part in (
            "Elena Maria Rodriguez",
            "Lena",
            "Marine biologist",
            "The sea comes first.",
            "First dive",
            "Scripps",
        ):
            assert part in definition
        assert "Dead reefs" in definition
        people = await connection.fetch(
            "select platform, platform_user_id, display_name, time_zone from users join identities using (user_id) "
            "order by 2"
        )
        assert [tuple(row) for row in people] == [
            ("discord", "123456789012345678", "Sammy", "Europe/Berlin"),
            ("api", "web-ida", "", "UTC"),
        ]
        facts = await connection.fetch("select slot, text from facts where superseded_at is null order by slot")
        assert [tuple(row) for row in facts] == [
            ("lives_in", "lives in Kiel"),
            ("note:wants a boat", "wants a boat"),
            ("taste:pizza", "likes Pizza"),
        ]
        messages = await connection.fetch(
            "select m.role, m.content, m.shared, m.session, a.content as asked from messages m "
            "left join messages a on a.message_id = m.reply_to order by m.message_id"
        )
        assert [tuple(row) for row in messages] == [
            ("person", "I want a boat.", False, 1, None),
            ("character", "Which one?", False, 1, "I want a boat."),
            ("person", "Hello all!", True, 2, None),
            ("character", "Hello Sam!", True, 2, "Hello all!"),
        ]
        row = await connection.fetchrow("select trust, interactions from relationships order by trust desc")
        assert row
        assert (round(row["trust"], 2), row["interactions"]) == (0.6, 12)
        assert await connection.fetchval("select text from summaries") == "Sam spoke of boats."
    finally:
        await connection.close()
    async with services.running(services.test_config(database_url=database)) as client:
        assert (await client.say("Hello Elena.", user="web-ida", character="elena"))["response"]


async def test_another_database_is_not_taken_for_the_old_program(home: Path, empty_database: str, database: str):
    code, told = await run(home, "import-v1", "--postgres", empty_database, DATABASE_URL=database)
    assert code == 1
    assert "no database of WhisperEngine 1" in told
