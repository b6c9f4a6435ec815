"""What others wrote is shown, never run."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.page.talk import messages, open_chat, say
from tests.support.llm_stub import LLMStub, says
from tests.support.service import Client

SCRIPT = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><svg onload='window.hacked=1'>"
    "[press](javascript:window.hacked=1) ![see](http://127.0.0.1:1/pixel.png) \"'>{{char}}"
)


def poisoned(value):
    """The same document with a script in every text but those that have a form of their own."""
    if isinstance(value, dict):
        return {key: each if key in ("cdl_version", "kind", "color") else poisoned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each) for each in value]
    return f"{value} {SCRIPT}"[:400] if isinstance(value, str) else value


async def test_scripts_in_messages_and_answers_are_shown_as_text(talking: Client, llm_stub: LLMStub, page: Page):
    llm_stub.will(says(f"Look: {SCRIPT}"))
    await open_chat(page, talking.url)
    await say(page, f"See {SCRIPT}", "Look:")
    await expect(messages(page, "You")).to_contain_text("<script>window.hacked=1</script>")
    await expect(messages(page, "Wren")).to_contain_text("<img src=x onerror=")
    assert await page.locator("article a[href^='javascript' i], article img, article script").count() == 0
    await page.reload()
    await expect(messages(page, "Wren")).to_contain_text("<script>window.hacked=1</script>")
    assert await page.evaluate("window.hacked") is None


async def test_a_character_with_a_script_in_every_field_is_harmless_on_every_page(talking: Client, page: Page):
    _, body = await talking.get("/api/characters/assistant")
    definition = poisoned(body["character"]["definition"])
    status, made = await talking.post("/api/characters", {"name": "hostile", "definition": definition})
    if status != 201:
        # A field with a form of its own refuses the script; the rest must stand in the text.
        definition = body["character"]["definition"]
        definition["identity"] = {**definition["identity"], "name": f"Eve {SCRIPT}", "description": SCRIPT}
        status, made = await talking.post("/api/characters", {"name": "hostile", "definition": definition})
    assert status == 201, made
    await open_chat(page, f"{talking.url}/?character=hostile", person="sam")
    for path in ("/?character=hostile", "/welcome/", "/memory/", "/characters/", "/characters/edit/?name=hostile"):
        await page.goto(talking.url + path)
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate("window.hacked") is None, path
