"""Signing in with each kind of key, and what each may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from tests.page.talk import field, say
from tests.support import service as services
from tests.support.llm_stub import LLMStub
from tests.support.service import Client
from tests.support.service_fixtures import with_model

ENVIRONMENT = "the-key-of-the-environment"
ADMIN = {"Authorization": f"Bearer {ENVIRONMENT}"}
PAGES = ["Chat", "Characters", "Memory", "Settings", "Status"]


@pytest.fixture
async def guarded(database: str, llm_stub: LLMStub) -> AsyncIterator[Client]:
    async with services.running(replace(with_model(database, llm_stub.url), api_key=ENVIRONMENT)) as client:
        yield client


async def key_of(client: Client, **fields: str) -> str:
    status, body = await client.post("/api/keys", fields, headers=ADMIN)
    assert status == 201, body
    return body["key"]


async def sign_in(page: Page, client: Client, key: str) -> None:
    await page.add_init_script("localStorage.setItem('person', 'sam')")
    await page.goto(client.url)
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def links(page: Page) -> list[str]:
    return [text.strip() for text in await page.get_by_role("navigation").get_by_role("link").all_inner_texts()]


@pytest.mark.parametrize("kind", ["environment", "admin"])
async def test_an_admin_key_opens_every_page_and_signing_out_closes_them(guarded: Client, page: Page, kind: str):
    await sign_in(page, guarded, ENVIRONMENT if kind == "environment" else await key_of(guarded, scope="admin"))
    await say(page, "Hello.", "I hear you.")
    assert await links(page) == PAGES
    await page.reload()
    await expect(page.locator("[data-message]")).to_have_count(2)
    assert await page.evaluate("document.cookie") == ""
    await page.get_by_role("button", name="You and appearance").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_label("Key", exact=True)).to_be_visible()


async def test_a_chat_key_of_a_person_talks_for_that_person_and_sees_only_the_chat(guarded: Client, page: Page):
    await sign_in(page, guarded, await key_of(guarded, person="kim"))
    await say(page, "Hello.", "I hear you.")
    assert await links(page) == ["Chat"]
    await page.reload()
    await expect(page.locator("[data-message]")).to_have_count(2)
    await page.goto(f"{guarded.url}/settings/")
    await expect(page.get_by_text("This key opens the chat alone")).to_be_visible()
    assert (await guarded.get("/api/users/kim", headers=ADMIN))[0] == 200
    assert (await guarded.get("/api/users/sam", headers=ADMIN))[0] == 404


@pytest.mark.parametrize("tie", [{}, {"character": "assistant"}])
async def test_a_chat_key_that_may_not_read_back_still_talks(guarded: Client, page: Page, tie: dict[str, str]):
    await sign_in(page, guarded, await key_of(guarded, **tie))
    await expect(page.get_by_text("This key cannot read what was said earlier.")).to_be_visible()
    await say(page, "Hello.", "I hear you.")
    await say(page, "And again.", "I hear you.")
    assert await links(page) == ["Chat"]


async def test_a_wrong_or_revoked_key_is_refused_in_words(guarded: Client, page: Page):
    key = await key_of(guarded)
    await guarded.request("DELETE", f"/api/keys/{key[:11]}", headers=ADMIN)
    await sign_in(page, guarded, key)
    await expect(page.get_by_text("This key is not in force.")).to_be_visible()
    await page.get_by_label("Key", exact=True).fill("nonsense")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("This key is not in force.")).to_be_visible()
    assert await links(page) == []


async def test_a_key_that_is_revoked_meanwhile_brings_back_the_question(guarded: Client, page: Page):
    key = await key_of(guarded, person="kim")
    await sign_in(page, guarded, key)
    await expect(field(page)).to_be_visible()
    await guarded.request("DELETE", f"/api/keys/{key[:11]}", headers=ADMIN)
    await page.reload()
    await expect(page.get_by_label("Key", exact=True)).to_be_visible()
