"""The chat page in a real browser: what its first load weighs, and long tasks while 2,000 messages are scrolled.

    python bench/page.py --url http://127.0.0.1:9090 [--lighthouse]

Fills a conversation of a person of its own first. Prints a table and one JSON line. With `--lighthouse` also the scores
of Lighthouse for every page, as a telephone and as a desktop; npx fetches it when it is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Page, async_playwright

PERSON = "bench-page"
MESSAGES = 2_000
BATCH = 200
LONG_MS = 50
WHEEL_PX = 600
PAGES = ("/", "/welcome/", "/characters/", "/characters/edit/?name=assistant", "/memory/", "/settings/", "/status/")
PARAGRAPH = "Some words about the sea, the **weather** and what there was for supper. " * 4


async def fill(url: str) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    async with aiohttp.ClientSession(url) as session:
        for start in range(0, MESSAGES, BATCH):
            said = [
                {
                    "said_at": (begin + timedelta(minutes=number)).isoformat(),
                    "role": ("person", "character")[number % 2],
                    "text": f"Line {number}. {PARAGRAPH[: 40 + number * 37 % 250]}",
                    "key": f"bench-{number}",
                }
                for number in range(start, start + BATCH)
            ]
            body = {"messages": said, "channel": "api:bench"}
            async with session.post(f"/api/users/{PERSON}/history", json=body) as answer:
                answer.raise_for_status()


async def first_load(page: Page, url: str) -> int:
    """Bytes of script, as they were sent, until nothing more is asked for."""
    client = await page.context.new_cdp_session(page)
    await client.send("Network.enable")
    scripts: set[str] = set()
    sizes: dict[str, int] = {}
    client.on("Network.responseReceived", lambda event: event["type"] == "Script" and scripts.add(event["requestId"]))
    client.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    await page.goto(url)
    await page.wait_for_load_state("networkidle")
    await client.detach()
    return round(sum(size for request, size in sizes.items() if request in scripts))


async def scroll(page: Page) -> list[float]:
    """Milliseconds that each task of the page's main thread worked, by the browser's trace, over the whole talk and
    back. What other programs took from the processor meanwhile does not count.
    """
    talk = page.get_by_role("region", name="Conversation with")
    await page.locator("[data-message]").first.wait_for()
    while not await page.get_by_text("Line 0.").count():
        await talk.evaluate("element => element.scrollTo(0, 0)")
        await asyncio.sleep(0.05)
    client = await page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    complete = asyncio.Event()
    client.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    client.on("Tracing.tracingComplete", lambda _: complete.set())
    await client.send(
        "Tracing.start", {"categories": "toplevel,devtools.timeline,disabled-by-default-devtools.timeline"}
    )
    box = await talk.bounding_box()
    assert box
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    height = await talk.evaluate("element => element.scrollHeight")
    for direction in (WHEEL_PX, -WHEEL_PX):
        for _ in range(int(height / WHEEL_PX) + 1):
            await page.mouse.wheel(0, direction)
            await asyncio.sleep(0.016)
    await client.send("Tracing.end")
    await complete.wait()
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = (event for event in events if event.get("name") == "RunTask" and (event["pid"], event["tid"]) in main)
    return [event.get("tdur", 0) / 1000 for event in tasks]


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def lighthouse(url: str, *options: str) -> dict[str, int]:
    """Lighthouse's scores (0 to 100) of one page: performance and accessibility."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["npx", "--yes", "lighthouse", url, "--quiet", "--only-categories=performance,accessibility"]
        command += ["--output=json", f"--output-path={report}", "--chrome-flags=--headless=new --no-sandbox", *options]
        subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": chromium() or ""})
        categories = json.loads(report.read_text("utf-8"))["categories"]
    return {name: round(100 * category["score"]) for name, category in categories.items()}


async def measure(url: str) -> dict[str, Any]:
    await fill(url)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium())
        context = await browser.new_context()
        await context.add_init_script(
            f"localStorage.setItem('person', '{PERSON}'); localStorage.setItem('welcomed', '1')"
        )
        page = await context.new_page()
        weight = await first_load(page, url)
        tasks = await scroll(page)
        await browser.close()
    return {
        "bench": "page",
        "first_load_script_bytes": weight,
        "messages": MESSAGES,
        "tasks": len(tasks),
        "longest_task_ms": round(max(tasks), 1),
        "long_tasks": sum(task > LONG_MS for task in tasks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:9090")
    parser.add_argument("--lighthouse", action="store_true")
    options = parser.parse_args()
    result = asyncio.run(measure(options.url))
    if options.lighthouse:
        for page in PAGES:
            for device, more in (("telephone", ()), ("desktop", ("--preset=desktop",))):
                for name, score in lighthouse(options.url + page, *more).items():
                    result[f"{page} {device} {name}"] = score
    for name, value in result.items():
        print(f"{name:54} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
