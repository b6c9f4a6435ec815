"""From nothing configured to the first answer."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.page.talk import field, messages
from tests.support.llm_stub import LLMStub, says
from tests.support.service import Client


async def test_a_newcomer_chooses_a_model_and_a_character_and_gets_an_answer(
    offline: Client, llm_stub: LLMStub, page: Page
):
    llm_stub.will(says("Good that you are here, Robin."))
    await page.goto(offline.url)
    await expect(page).to_have_url(f"{offline.url}/welcome/")
    await page.get_by_text("Another server").click()
    await page.get_by_label("Address").fill(llm_stub.url)
    await page.get_by_label("Model", exact=True).fill("stub-model")
    await page.get_by_role("button", name="Test it").click()
    await expect(page.get_by_text("answers and streams")).to_be_visible()
    await page.get_by_role("button", name="Use this model").click()
    await expect(page.get_by_text("This model answers from now on.")).to_be_visible()
    await page.get_by_text("Dr. Mira Okafor").click()
    await page.get_by_label("What should you be called?").fill("Robin")
    await page.get_by_label("Your first words").fill("Hello, I am Robin.")
    await page.get_by_role("button", name="Say hello").click()
    await expect(page.get_by_text("Good that you are here, Robin.")).to_be_visible()
    await page.get_by_role("button", name="Go on in the chat").click()
    await expect(messages(page, "Dr. Mira Okafor")).to_contain_text("Good that you are here, Robin.")
    _, known = await offline.get("/api/users/Robin")
    assert [each["messages"] for each in known["characters"]] == [2]


async def test_a_test_of_a_model_that_is_not_there_says_so_in_words(offline: Client, page: Page):
    await page.goto(f"{offline.url}/welcome/")
    await page.get_by_text("Ollama", exact=True).click()
    await page.get_by_label("Address").fill("nonsense")
    await page.get_by_label("Address").blur()
    await expect(page.get_by_text("Write a whole address that begins with http:// or https://.")).to_be_visible()
    await page.get_by_label("Address").fill("http://127.0.0.1:9/v1")
    await page.get_by_role("button", name="Test it").click()
    await expect(page.get_by_text("127.0.0.1:9")).to_be_visible()


async def test_the_first_run_can_be_skipped_and_the_offline_mode_answers(offline: Client, page: Page):
    await page.goto(offline.url)
    await page.get_by_role("button", name="Skip this and go to the chat").click()
    await field(page).fill("My name is Robin.")
    await field(page).press("Enter")
    await expect(page.locator("[data-message]")).to_have_count(2)
