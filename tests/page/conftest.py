"""The page in a real Chromium, served by a real service on a real PostgreSQL."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

from tests.support.service_fixtures import home, offline, processes, talking
from whisperengine.api import page as page_files

__all__ = ["home", "offline", "processes", "talking"]

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_MS = 30_000
# What the browser itself notes of an answer with a status of 400 and above; the page shows those in its own words.
_STATUS_NOTE = re.compile(r"Failed to load resource: (the server responded with a status of|net::ERR_)")

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    assert page_files.load(page_files.default_directory()), "Build the page first: make page"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    assert found, f"None of {', '.join(CHROMIUMS)} is installed; the page is tested in a real browser."
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found)
        yield browser
        await browser.close()


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[Callable]:
    """Makes pages in contexts of their own. Whatever they do: no script fails, nothing is refused by the policy, and no
    other host is asked.
    """
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def make(**options) -> Page:
        context = await browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda message: _note(wrong, message))
        page.on("request", lambda request: _own_host(wrong, request))
        return page

    yield make
    for context in contexts:
        await context.close()
    assert wrong == []


def _note(wrong: list[str], message: ConsoleMessage) -> None:
    if message.type in ("error", "warning") and not _STATUS_NOTE.match(message.text):
        wrong.append(f"{message.type}: {message.text}")


def _own_host(wrong: list[str], request: Request) -> None:
    parts = urlsplit(request.url)
    if parts.scheme in ("http", "https") and parts.hostname != "127.0.0.1":
        wrong.append(f"asked {parts.hostname}")


@pytest.fixture
async def page(new_page: Callable) -> Page:
    return await new_page()
