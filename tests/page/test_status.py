"""The status page tells how the service is, in words, figures and pictures with a table behind each."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.page.talk import open_chat
from tests.page.test_accessibility import violations
from tests.support.llm_stub import LLMStub, refuses, says
from tests.support.service import Client


async def open_status(page: Page, client: Client) -> None:
    await open_chat(page, client.url)
    await page.goto(f"{client.url}/status/")
    await expect(page.get_by_text("It answers.")).to_be_visible()


async def test_answers_times_and_tokens_are_shown(talking: Client, llm_stub: LLMStub, page: Page):
    llm_stub.will(says("Hello."))
    await talking.say("Hi")
    _, usage = await talking.get("/api/usage")
    await open_status(page, talking)
    await expect(page.get_by_role("rowheader", name="Recalling")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="Altogether")).to_contain_text("ms")
    await page.get_by_text("As a table").click()
    row = page.get_by_role("region", name="Tokens and cost").get_by_role("row").nth(1)
    await expect(row).to_contain_text(f"{usage['days'][0]['prompt_tokens']:,}")
    await expect(page.get_by_role("region", name="By person")).to_contain_text("sam")
    assert await violations(page) == []


async def test_an_error_stands_with_its_next_step(talking: Client, llm_stub: LLMStub, page: Page):
    llm_stub.will(refuses(401))
    await talking.post("/api/chat", {"user_id": "sam", "message": "Hi"})
    _, status = await talking.get("/status")
    await open_status(page, talking)
    row = page.get_by_role("row").filter(has_text=status["errors"][0]["code"])
    await expect(row).to_contain_text(status["errors"][0]["next_step"])
    assert await violations(page) == []
