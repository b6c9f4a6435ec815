"""Talking on the page, and what memory makes of it."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, expect

from tests.page.talk import choose, field, messages, open_chat, say
from tests.support.llm_stub import LLMStub, cut, says
from tests.support.service import Client


async def contents(client: Client, person: str = "sam") -> list[str]:
    """What is stored, oldest first."""
    _, body = await client.get(f"/api/users/{person}/messages")
    return [message["content"] for message in reversed(body["messages"])]


async def test_regenerating_editing_and_deleting_change_what_is_remembered(
    talking: Client, llm_stub: LLMStub, page: Page
):
    llm_stub.will(says("First."), says("Second."), says("Third."))
    await open_chat(page, talking.url)
    await say(page, "I live in Oslo.", "First.")
    await messages(page, "Wren").hover()
    await page.get_by_role("button", name="Answer anew").last.click()
    await expect(messages(page, "Wren")).to_contain_text("Second.")
    assert await contents(talking) == ["I live in Oslo.", "Second."]

    await choose(page, messages(page, "You"), "Edit")
    await page.get_by_role("textbox", name="Edit this message").fill("I live in Bergen.")
    await page.get_by_role("button", name="Save and answer anew").click()
    await expect(messages(page, "Wren")).to_contain_text("Third.")
    assert await contents(talking) == ["I live in Bergen.", "Third."]

    await choose(page, messages(page, "You"), "Delete")
    await expect(page.locator("[data-message]")).to_have_count(0)
    assert len(await contents(talking)) == 2
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("[data-message]")).to_have_count(2)

    await choose(page, messages(page, "You"), "Delete")
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await page.get_by_role("button", name="Close").click()
    assert (await deleted.value).ok
    assert await contents(talking) == []


async def test_an_answer_that_breaks_off_is_told_and_can_be_had_again(talking: Client, llm_stub: LLMStub, page: Page):
    llm_stub.will(cut("This will never"), says("Now it is whole."))
    await open_chat(page, talking.url)
    await field(page).fill("Tell me something.")
    await field(page).press("Enter")
    alert = page.get_by_role("main").get_by_role("alert")
    await expect(alert).to_contain_text("Your message is kept.")
    await page.get_by_role("button", name="Send it again").click()
    await expect(messages(page, "Wren")).to_contain_text("Now it is whole.")
    await expect(alert).to_have_count(0)
    assert await contents(talking) == ["Tell me something.", "Now it is whole."]


async def test_escape_stops_an_answer_and_what_had_been_said_is_kept(talking: Client, llm_stub: LLMStub, page: Page):
    llm_stub.will(says("word " * 5_000, token_delay=0.05))
    await open_chat(page, talking.url)
    await field(page).fill("Talk for long.")
    await field(page).press("Enter")
    await expect(messages(page, "Wren")).to_contain_text("word word")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    await expect(page.locator("[data-message]")).to_have_count(2)
    stored = await contents(talking)
    assert stored[0] == "Talk for long."
    assert stored[1].startswith("word word")


async def test_the_page_lives_through_a_restart_of_the_service(processes, database: str, llm_stub: LLMStub, page: Page):
    service = processes(
        DATABASE_URL=database, LLM_CLIENT_TYPE="local", LLM_CHAT_API_URL=llm_stub.url, LLM_CHAT_MODEL="stub-model"
    )
    await service.start()
    await open_chat(page, service.url)
    await say(page, "Before.", "I hear you.")
    await service.kill()
    await field(page).fill("In between.")
    await field(page).press("Enter")
    await expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("The service did not answer.")
    await service.start()
    await expect(page.get_by_text("The service does not answer.")).to_have_count(0)
    await page.get_by_role("button", name="Send it again").click()
    await expect(page.locator("[data-message]")).to_have_count(4)
    await expect(messages(page, "You").last).to_contain_text("In between.")


async def test_conversations_stand_apart_and_search_leads_from_one_to_the_other(talking: Client, page: Page):
    await open_chat(page, talking.url)
    await say(page, "My boat is called Albatross.", "I hear you.")
    await page.get_by_role("button", name="New conversation").first.click()
    await expect(page.locator("[data-message]")).to_have_count(0)
    await say(page, "What shall I cook?", "I hear you.")
    listed = page.get_by_role("complementary", name="Conversations").get_by_role("listitem")
    await expect(listed).to_have_count(2)
    await page.keyboard.press("Control+k")
    await page.get_by_role("searchbox", name="Words or a question").fill("What is the boat called?")
    await page.keyboard.press("Enter")
    found = page.get_by_role("complementary", name="Search what was said").get_by_role("listitem")
    await found.filter(has_text="Albatross").get_by_role("button", name="Show it in the conversation").click()
    await expect(messages(page, "You")).to_contain_text("Albatross")


async def test_why_shows_what_was_recalled_with_its_scores(talking: Client, page: Page):
    await talking.say("My boat is called Albatross.", context={"channel_id": "elsewhere"})
    await open_chat(page, talking.url)
    await expect(page.locator("[data-message]")).to_have_count(2)
    await page.get_by_role("button", name="New conversation").first.click()
    await expect(page.locator("[data-message]")).to_have_count(0)
    await say(page, "What is my boat called?", "I hear you.")
    await messages(page, "Wren").hover()
    await messages(page, "Wren").get_by_role("button", name="Why this answer").click()
    panel = page.get_by_role("complementary", name="Why this answer")
    await expect(panel).to_contain_text("My boat is called Albatross.")
    await panel.get_by_text("Score").first.click()
    await expect(panel.get_by_role("definition").first).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


async def test_of_two_thousand_messages_only_those_in_view_are_built(talking: Client, page: Page):
    said = [
        {
            "said_at": f"2026-01-01T{n // 60 // 60:02}:{n // 60 % 60:02}:{n % 60:02}Z",
            "key": f"k{n}",
            "text": f"Line {n}.",
        }
        for n in range(2_000)
    ]
    for start in range(0, len(said), 200):
        batch = [{**each, "role": ("person", "character")[i % 2]} for i, each in enumerate(said[start : start + 200])]
        body = {"messages": batch, "channel": "api:page"}
        status, answer = await talking.post("/api/users/sam/history", body)
        assert status == 200, answer
    await open_chat(page, talking.url)
    rows = page.locator("[data-message]")
    await expect(rows.last).to_contain_text("Line 1999.")
    assert await rows.count() < 60
    talk = page.get_by_role("region", name="Conversation with")
    async with asyncio.timeout(120):
        while not await rows.first.get_by_text("Line 0.", exact=True).count():
            await talk.evaluate("element => element.scrollTo(0, 0)")
            await asyncio.sleep(0.02)
    assert await rows.count() < 60
    await page.get_by_role("button", name="New words below").click()
    await expect(rows.last).to_contain_text("Line 1999.")
