"""/api/characters: made, changed by two editors at once, put away and brought back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import service as services
from tests.support.service import Client

MIRA = {"identity": {"full_name": "Mira", "description": "A marine biologist."}, "about": {"tags": ["sea", "science"]}}


async def made(client: Client, **fields: Any) -> dict[str, Any]:
    status, body = await client.post("/api/characters", {"name": "mira", "definition": {**MIRA, **fields}})
    assert status == 201, body
    return body["character"]


async def call(client: Client, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, "/api/characters" + path, json=body, headers=names)


async def test_a_character_is_created_and_found_whole(offline: Client):
    character = await made(offline, odd={"kept": [1, None]})
    status, body, headers = await call(offline, "GET", "/mira")
    assert (status, headers["ETag"]) == (200, '"v1"')
    assert body["character"] == character
    assert character["definition"]["odd"] == {"kept": [1, None]}
    assert (character["display_name"], character["archived"], character["builtin"]) == ("Mira", False, False)


async def test_a_name_is_made_from_the_title_and_its_rule_is_shown(offline: Client):
    status, body, _ = await call(offline, "POST", "", {"definition": {"identity": {"full_name": "Renée d'Or"}}})
    assert (status, body["character"]["name"]) == (201, "renee_dor")
    status, body, _ = await call(offline, "POST", "", {"definition": {"name": "Not A Name!"}})
    assert (status, body["code"]) == (400, "invalid_character")
    assert "1 to 64 of a-z, 0-9, _ and -" in body["problems"][0]["message"]
    status, body, _ = await call(offline, "POST", "", {"name": "schema", "definition": {}})
    assert (status, body["code"]) == (400, "reserved_name")
    status, body, _ = await call(offline, "POST", "", {"name": "assistant", "definition": {}})
    assert (status, body["code"]) == (409, "name_taken")


async def test_all_problems_are_told_at_once(offline: Client):
    wrong = {"name": "x", "identity": {"age": [], "archetype": "robot"}, "voice": {"tone": 3}}
    status, body, _ = await call(offline, "POST", "/validate", {"definition": wrong})
    assert (status, body["valid"]) == (200, False)
    assert {"identity.age", "identity.archetype"} <= {problem["path"] for problem in body["problems"]}
    assert "real-world" in str(body["problems"])
    status, body, _ = await call(offline, "POST", "/validate", {"definition": {"cdl": "3.0", "name": "x", "voise": {}}})
    assert body["valid"] is True
    assert "Did you mean voice?" in body["remarks"][0]


async def test_the_list_is_searched_by_words_and_tags(offline: Client):
    await made(offline)
    _, body, _ = await call(offline, "GET", "?q=BIOLOGIST&tag=Sea")
    assert [row["name"] for row in body["characters"]] == ["mira"]
    assert "definition" not in body["characters"][0]
    _, body, _ = await call(offline, "GET", "?tag=no-such-tag")
    assert (body["characters"], body["default"]) == ([], "assistant")
    _, body, _ = await call(offline, "GET", "")
    assert {"tag": "science", "count": 1} in body["tags"] or "science" in {row["tag"] for row in body["tags"]}


async def test_of_two_editors_the_second_is_told_what_changed(offline: Client):
    character = await made(offline)
    first = {**character["definition"], "identity": {"full_name": "Mira", "age": 41}}
    status, body, headers = await call(offline, "PUT", "/mira", {"definition": first}, If_Match='"v1"')
    assert (status, headers["ETag"], body["character"]["version"]) == (200, '"v2"', 2)
    status, body, _ = await call(offline, "PUT", "/mira", {"definition": character["definition"]}, If_Match='"v1"')
    assert (status, body["code"]) == (412, "version_conflict")
    assert body["current"]["version"] == 2
    changes = {change["path"]: change for change in body["changes"]}
    assert (changes["identity.age"]["kind"], changes["identity.age"]["after"]) == ("added", 41)
    assert changes["identity.description"]["before"] == "A marine biologist."
    status, _, _ = await call(offline, "PUT", "/mira", {"definition": character["definition"]}, If_Match='"v2"')
    assert status == 200


async def test_a_merge_patch_changes_what_it_names_and_null_takes_away(offline: Client):
    await made(offline)
    change = {"definition": {"identity": {"age": 41, "description": None}, "voice": {"tone": "dry"}}}
    status, body, _ = await call(offline, "PATCH", "/mira", change)
    assert status == 200, body
    assert body["character"]["definition"]["identity"] == {"full_name": "Mira", "age": 41}
    assert body["character"]["definition"]["about"] == MIRA["about"]
    assert (await call(offline, "PATCH", "/mira", change, If_Match='"v1"'))[0] == 412
    status, body, _ = await call(offline, "PATCH", "/mira", {"definition": {"identity": {"age": []}}})
    assert (status, body["problems"][0]["path"]) == (400, "identity.age")


async def test_a_change_reaches_the_next_turn_and_a_rename_keeps_the_memories(offline: Client):
    await made(offline)
    await offline.say("My dog is called Biscuit.", character="mira")
    status, body, _ = await call(offline, "PUT", "/mira", {"definition": {**MIRA, "name": "mira_two"}})
    assert (status, body["character"]["name"]) == (200, "mira_two")
    status, body = await offline.post("/api/chat", {"user_id": "sam", "message": "Hi", "character": "mira"})
    assert (status, body["code"]) == (404, "unknown_character")
    answer = await offline.say("What is my dog called?", character="mira_two")
    assert "Biscuit" in answer["response"]


async def test_an_archived_character_is_silent_and_comes_back_with_its_memories(offline: Client):
    await made(offline)
    await offline.say("My dog is called Biscuit.", character="mira")
    status, body, _ = await call(offline, "DELETE", "/mira")
    assert (status, body["character"]["archived"]) == (200, True)
    assert (await offline.post("/api/chat", {"user_id": "sam", "message": "Hi", "character": "mira"}))[0] == 404
    assert "mira" not in [row["name"] for row in (await call(offline, "GET", ""))[1]["characters"]]
    _, body, _ = await call(offline, "GET", "?archived=true")
    assert [row["name"] for row in body["characters"]] == ["mira"]
    assert (await call(offline, "POST", "/mira/restore"))[1]["character"]["archived"] is False
    assert "Biscuit" in (await offline.say("What is my dog called?", character="mira"))["response"]
    status, body, _ = await call(offline, "DELETE", "/assistant")
    assert (status, body["code"]) == (409, "default_character")


async def test_history_tells_what_each_version_changed_and_leads_back(offline: Client):
    await made(offline)
    await call(offline, "PATCH", "/mira", {"definition": {"identity": {"age": 41}, "voice": {"tone": "dry"}}})
    await call(offline, "PATCH", "/mira", {"definition": {"identity": {"age": 42}}})
    _, body, _ = await call(offline, "GET", "/mira/versions")
    assert [(row["version"], row["summary"]) for row in body["versions"]] == [
        (3, "changed: identity.age"),
        (2, "changed: identity.age, voice"),
        (1, "created"),
    ]
    _, body, _ = await call(offline, "GET", "/mira/versions/3")
    assert [change["text"] for change in body["changes"]] == ["~ identity.age: 41 -> 42"]
    _, body, _ = await call(offline, "GET", "/mira/versions/3?against=1")
    assert {change["path"] for change in body["changes"]} == {"identity.age", "voice"}
    status, body, _ = await call(offline, "POST", "/mira/versions/1/restore")
    assert (status, body["character"]["version"]) == (200, 4)
    assert "voice" not in body["character"]["definition"]
    assert (await call(offline, "GET", "/mira/versions"))[1]["versions"][0]["summary"] == "back to version 1"
    assert (await call(offline, "GET", "/mira/versions/9"))[0] == 404


async def test_a_clone_is_the_same_under_another_name(offline: Client):
    await made(offline)
    status, body, _ = await call(offline, "POST", "/mira/clone", {"name": "mira_two"})
    assert (status, body["character"]["name"]) == (201, "mira_two")
    assert body["character"]["definition"]["identity"] == MIRA["identity"]
    assert (await call(offline, "POST", "/mira/clone", {"name": "mira_two"}))[0] == 409


async def test_the_language_is_served_with_a_template_that_is_valid(offline: Client):
    status, schema, _ = await offline.request("GET", "/api/characters/schema")
    assert status == 200
    assert "voice" in str(schema)
    _, body, _ = await call(offline, "GET", "/template?format=json")
    assert (await call(offline, "POST", "/validate", {"definition": body["definition"]}))[1]["valid"] is True
    _, text, _ = await offline.request("GET", "/api/characters/template")
    assert "# " in text


@pytest.mark.parametrize("path", ["/mira", "/mira/versions", "/mira/export", "/mira/avatar"])
async def test_who_does_not_exist_is_not_found(offline: Client, path: str):
    status, body, _ = await call(offline, "GET", path)
    assert (status, body["code"]) == (404, "unknown_character")


async def test_a_shipped_character_that_was_edited_stays_edited_after_a_restart(database: str):
    settings = services.test_config(database_url=database)
    async with services.running(settings) as client:
        assert (await call(client, "GET", "/tamsin_vane"))[1]["character"]["builtin"] is True
        await call(client, "PATCH", "/tamsin_vane", {"definition": {"identity": {"age": 300}}})
    async with services.running(settings) as client:
        _, body, _ = await call(client, "GET", "/tamsin_vane")
    assert body["character"]["definition"]["identity"]["age"] == 300
    assert (body["character"]["builtin"], body["character"]["version"]) == (False, 2)


async def test_a_change_made_by_another_process_is_heard_of(database: str):
    settings = services.test_config(database_url=database)
    async with services.running(settings) as one, services.running(settings) as other:
        await made(one)
        await other.say("Hi", character="mira")
        await call(one, "DELETE", "/mira")
        # No sleep, no more than the word takes: what is kept for seconds would still answer.
        for _ in range(200):
            status, _ = await other.post("/api/chat", {"user_id": "sam", "message": "Hi", "character": "mira"})
            if status == 404:
                break
        assert status == 404


async def test_the_prompt_is_shown_part_by_part_with_what_is_remembered(offline: Client):
    await made(offline)
    await offline.say("My dog is called Biscuit.", character="mira")
    status, body, _ = await call(offline, "GET", "/mira/prompt?user_id=sam&message=What+is+my+dog+called%3F")
    assert status == 200, body
    texts = "\n".join(section["text"] for section in body["sections"])
    assert "A marine biologist." in texts
    assert "Biscuit" in texts
    assert 0 < body["tokens"] < body["budget"]
    assert body["tokens"] <= sum(section["tokens"] for section in body["sections"]) * 2
    _, stranger, _ = await call(offline, "GET", "/mira/prompt")
    assert "Biscuit" not in str(stranger)
    _, history = await offline.get("/api/users/sam/messages?character=mira")
    assert len(history["messages"]) == 2


async def test_the_prompt_of_a_character_that_is_not_saved_is_shown_too(offline: Client):
    definition = {"identity": {"full_name": "Mira", "description": "A lighthouse keeper."}}
    status, body, _ = await call(offline, "POST", "/prompt", {"definition": definition, "message": "Hi"})
    assert status == 200, body
    assert "A lighthouse keeper." in str(body["sections"])
    status, body, _ = await call(offline, "POST", "/prompt", {"definition": {"identity": []}})
    assert (status, body["problems"][0]["path"]) == (400, "identity")


async def test_a_chat_key_sees_what_it_may_choose_from_and_no_more(database: str):
    admin = {"Authorization": "Bearer the-admin-key"}
    settings = services.test_config(database_url=database, api_key="the-admin-key")
    async with services.running(settings) as client:
        body = {"name": "mira", "definition": {**MIRA, "voice": {"tone": "the author's secret"}}}
        assert (await client.post("/api/characters", body, headers=admin))[0] == 201
        _, made_key = await client.post("/api/keys", {}, headers=admin)
        _, tied = await client.post("/api/keys", {"character": "mira"}, headers=admin)
        chat, only = ({"Authorization": f"Bearer {key['key']}"} for key in (made_key, tied))
        for headers in (chat, only):
            status, body = await client.get("/api/characters/mira", headers=headers)
            assert (status, body["character"]["display_name"]) == (200, "Mira")
            assert "secret" not in str(body)
            assert (await client.get("/api/characters/mira/avatar", headers=headers))[0] == 200
            assert (await client.get("/api/characters/mira/versions", headers=headers))[0] == 403
        assert len((await client.get("/api/characters", headers=chat))[1]["characters"]) > 1
        _, listed = await client.get("/api/characters", headers=only)
        assert [row["name"] for row in listed["characters"]] == ["mira"]
        assert (await client.get("/api/characters/assistant", headers=only))[0] == 403
        assert (await client.get("/api/characters/assistant/avatar", headers=only))[0] == 403
        # The archive is nobody's business but the author's.
        await client.request("DELETE", "/api/characters/mira", headers=admin)
        assert (await client.get("/api/characters?archived=all", headers=only))[1]["characters"] == []
        assert (await client.get("/api/characters/mira", headers=only))[0] == 404
        assert (await client.get("/api/characters/mira/avatar", headers=only))[0] == 404


async def test_a_key_that_is_tied_to_a_character_follows_its_new_name(database: str):
    admin = {"Authorization": "Bearer the-admin-key"}
    settings = services.test_config(database_url=database, api_key="the-admin-key")
    async with services.running(settings) as client:
        await client.post("/api/characters", {"name": "mira", "definition": MIRA}, headers=admin)
        _, tied = await client.post("/api/keys", {"character": "mira"}, headers=admin)
        body = {"definition": {**MIRA, "name": "mira_two"}}
        status, _, _ = await client.request("PUT", "/api/characters/mira", json=body, headers=admin)
        assert status == 200
        await client.post("/api/characters", {"name": "mira", "definition": MIRA}, headers=admin)
        only = {"Authorization": f"Bearer {tied['key']}"}
        _, listed = await client.get("/api/characters", headers=only)
        assert [row["name"] for row in listed["characters"]] == ["mira_two"]


async def test_another_character_becomes_the_default_while_the_service_runs(offline: Client):
    await made(offline)
    status, body, _ = await offline.request("PATCH", "/api/settings", json={"changes": {"character.default": "mira"}})
    assert status == 200, body
    assert (await offline.say("Hi"))["bot_name"] == "mira"
    assert (await call(offline, "GET", ""))[1]["default"] == "mira"
    assert (await call(offline, "DELETE", "/mira"))[0] == 409
    assert (await call(offline, "DELETE", "/assistant"))[0] == 200
