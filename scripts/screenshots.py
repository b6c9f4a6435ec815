"""Pictures of every page of a running service in light, dark and telephone width.

    python scripts/screenshots.py --url http://127.0.0.1:9090 --out /tmp/pictures

Talks a little as `picture-guest` first, so that there is something to be seen.
"""

from __future__ import annotations

import argparse
import json
import shutil
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PERSON = "picture-guest"
PAGES = {
    "chat": "/",
    "welcome": "/welcome/",
    "memory": "/memory/",
    "characters": "/characters/",
    "editor": "/characters/edit/?name=mira_okafor",
    "settings": "/settings/",
    "status": "/status/",
    "lost": "/nothing-here/",
}
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 820}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 820}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
SAID = (
    "Hi, I'm Robin. I moved to Lisbon in March and I love the sea.",
    "I'm a bit nervous: tomorrow I start at the aquarium.",
    "Thank you, that makes me happy! What should I say on my first day?",
)


def talk(url: str) -> None:
    for number, text in enumerate(SAID):
        body = {"user_id": PERSON, "message": text, "context": {"channel_id": "page", "user_name": "Robin"}}
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"pictures-{number}"}
        request = urllib.request.Request(f"{url}/api/chat", json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=60).close()


def settled(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(600)


def take(browser: Browser, url: str, out: Path, names: list[str]) -> None:
    for look, options in LOOKS.items():
        context = browser.new_context(**options)
        context.add_init_script(f"localStorage.setItem('person', '{PERSON}'); localStorage.setItem('welcomed', '1')")
        page = context.new_page()
        for name in names:
            page.goto(url + PAGES[name])
            settled(page)
            page.screenshot(path=out / f"{name}-{look}.png")
        context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:9090")
    parser.add_argument("--out", type=Path, default=Path("screenshots"))
    parser.add_argument("pages", nargs="*", default=list(PAGES), help=", ".join(PAGES))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    talk(options.url)
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        take(browser, options.url, options.out, options.pages)
        browser.close()


if __name__ == "__main__":
    main()
