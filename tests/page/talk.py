"""What people do on the chat page, in the words of the page."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your message")


def messages(page: Page, who: str | None = None) -> Locator:
    """Messages in the talk, of "You" or of a character's name."""
    return page.get_by_role("article", name=who, exact=True) if who else page.get_by_role("article")


async def open_chat(page: Page, url: str, person: str = "sam") -> None:
    """The chat of somebody who has seen the first run."""
    await page.add_init_script(f"localStorage.setItem('person', '{person}'); localStorage.setItem('welcomed', '1')")
    await page.goto(url)
    await expect(field(page)).to_be_visible()


async def say(page: Page, text: str, answer: str) -> None:
    """Say something and wait for the whole answer, stored: its feeling stands beside it."""
    before = await page.locator("[data-message]").count()
    await field(page).fill(text)
    await field(page).press("Enter")
    await expect(page.locator("[data-message]")).to_have_count(before + 2)
    await expect(page.locator("[data-message]").last).to_contain_text(answer)


async def choose(page: Page, message: Locator, action: str) -> None:
    """An action of a message's menu."""
    await message.get_by_role("button", name="What to do with this message").click()
    await page.get_by_role("menuitem", name=action).click()
