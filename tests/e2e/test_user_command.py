"""`whisperengine user`: show, export, import, erase."""

from __future__ import annotations

import json

from tests.e2e.test_terminal import command
from tests.support.service import Client


async def test_a_person_is_exported_erased_and_brought_back(offline: Client, tmp_path):
    await offline.say("My parrot is called Kiwi.", user="kim")
    file = tmp_path / "kim.ndjson"
    code, _, error = await command("user", "export", "kim", "--output", str(file), "--url", offline.url)
    assert (code, file.exists()) == (0, True), error
    code, out, _ = await command("user", "show", "kim", "--url", offline.url)
    assert json.loads(out)["characters"][0]["messages"] == 2

    code, out, _ = await command("user", "erase", "kim", "--url", offline.url, stdin="no\n")
    assert (code, "Nothing was deleted." in out) == (1, True)
    code, out, _ = await command("user", "erase", "kim", "--yes", "--url", offline.url)
    assert (code, "2 messages" in out) == (0, True)
    code, _, error = await command("user", "show", "kim", "--url", offline.url)
    assert (code, "kim" in error) == (1, True)

    for added in (2, 0):
        code, _, error = await command("user", "import", "kim", str(file), "--url", offline.url)
        assert (code, f"{added} messages" in error) == (0, True), error
    assert "Kiwi" in (await offline.say("What is my parrot called?", user="kim"))["response"]


async def test_a_chat_of_another_program_is_imported_once(offline: Client, tmp_path):
    rows = [
        {"name": "Sam", "is_user": True, "mes": "My boat is called Halcyon.", "send_date": "June 3, 2024 9:05pm"},
        {"name": "Mira", "is_user": False, "mes": "A fine name.", "send_date": "June 3, 2024 9:06pm"},
    ]
    file = tmp_path / "chat.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    for text in ("2 stored, 0 known already", "0 stored, 2 known already"):
        code, _, error = await command("user", "import", "sam", str(file), "--url", offline.url)
        assert (code, text in error) == (0, True), error
    facts = tmp_path / "memories.txt"
    facts.write_text("Likes tea\nLives in Porto\n")
    code, _, error = await command("user", "import", "newcomer", str(facts), "--url", offline.url)
    assert (code, "2 stored" in error) == (0, True), error
    code, _, error = await command("user", "import", "sam", str(tmp_path / "no.json"), "--url", offline.url)
    assert (code, "Traceback" in error) == (1, False)
