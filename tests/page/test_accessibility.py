"""Every page is held against WCAG 2.2 AA, and every step of a talk can be made by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.page.talk import field, messages, open_chat
from tests.support.llm_stub import LLMStub, says
from tests.support.service import REPOSITORY, Client

AXE = Path(REPOSITORY, "cdl-web-ui/node_modules/axe-core/axe.min.js")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = [
    "/",
    "/welcome/",
    *(f"/memory/?part={part}" for part in ("feelings", "facts", "memories", "relationship", "everything")),
    "/characters/",
    "/characters/edit/?name=assistant",
    "/settings/",
    "/status/",
    "/nothing-here/",
]


async def violations(page: Page) -> list[str]:
    """What axe finds, one line for each place. Scripts are injected by the browser's debugger, past the policy."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(f"axe.run({{runOnly: {TAGS}}})")
    return [
        f"{each['id']}: {node['target']} {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_page(talking: Client, new_page: Callable, scheme: str):
    await talking.say("Hi, I'm Robin and I keep bees.", context={"channel_id": "page"})
    await talking.say("I am so happy!", context={"channel_id": "page"})
    page = await new_page(color_scheme=scheme, reduced_motion="reduce")
    await open_chat(page, talking.url)
    for path in PAGES:
        await page.goto(talking.url + path)
        await page.wait_for_load_state("networkidle")
        await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert await violations(page) == [], path


async def test_axe_finds_nothing_in_panels_dialogs_and_on_a_telephone(talking: Client, new_page: Callable):
    await talking.say("Hi, I'm Robin.", context={"channel_id": "page"})
    page = await new_page(viewport={"width": 390, "height": 780}, has_touch=True, reduced_motion="reduce")
    await open_chat(page, talking.url)
    await expect(page.locator("[data-message]")).to_have_count(2)
    assert await violations(page) == []
    await messages(page, "Wren").get_by_role("button", name="Why this answer").click()
    await expect(page.get_by_role("dialog", name="Why this answer")).to_be_visible()
    await page.wait_for_load_state("networkidle")
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="You and appearance").click()
    await page.get_by_role("menuitem", name="Talk as somebody else").click()
    await expect(page.get_by_role("dialog", name="Who is talking?")).to_be_visible()
    assert await violations(page) == []


async def focused(page: Page) -> str:
    """What has the focus, as it is called."""
    return await page.evaluate(
        "(() => { const e = document.activeElement; return e.getAttribute('aria-label') || e.textContent.trim(); })()"
    )


async def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until what is called `name` has the focus."""
    for _ in range(80):
        if (await focused(page)).startswith(name):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{name} cannot be reached; the focus is on {await focused(page)}")


async def test_a_whole_talk_by_keyboard_alone(talking: Client, llm_stub: LLMStub, page: Page):
    llm_stub.will(says("Oslo is cold."), says("Bergen is wet."))
    await open_chat(page, talking.url)
    await expect(field(page)).to_be_focused()
    await page.keyboard.type("I live in Oslo.")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-message]")).to_have_count(2)
    await expect(field(page)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("textbox", name="Edit this message")).to_be_focused()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("I live in Bergen.")
    await page.keyboard.press("Control+Enter")
    await expect(messages(page, "You")).to_contain_text("I live in Bergen.")
    await expect(page.locator("[data-message]").last).to_contain_text("Bergen is wet.")
    await field(page).focus()
    await tab_to(page, "Why this answer", "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("complementary", name="Why this answer")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Why this answer").last).to_be_focused()
    await tab_to(page, "What to do with this message", "Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Delete").wait_for()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    await page.keyboard.press("Escape")


async def test_the_keyboard_goes_from_page_to_page_and_past_the_rail(talking: Client, page: Page):
    await open_chat(page, talking.url)
    await page.goto(f"{talking.url}/memory/")
    await page.keyboard.press("Tab")
    assert await focused(page) == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"
    await page.goto(f"{talking.url}/memory/")
    await tab_to(page, "Chat")
    await page.keyboard.press("Enter")
    await expect(field(page)).to_be_visible()
