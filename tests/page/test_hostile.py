"""What others wrote is shown, never run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from playwright.async_api import Page, expect

from tests.page.talk import messages, open_chat, say
from tests.page.test_editor import go_to, saved
from tests.support.card_samples import V2_DATA
from tests.support.llm_stub import LLMStub, says
from tests.support.service import Client

SCRIPT = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><svg onload='window.hacked=1'>"
    "[press](javascript:window.hacked=1) ![see](http://127.0.0.1:1/pixel.png) \"'>{{char}}"
)

PARTS = ("feelings", "facts", "memories", "relationship", "everything")
# Fields with a form of their own, which nothing but that form may fill.
FORMED = ("pattern", "enum", "format")


def poisoned(node: Mapping[str, Any], place: str = "") -> Any:
    """A document of the language with every field there is, and a script in every one that takes free text; each script
    says where it stands.
    """
    types = [node["type"]] if isinstance(node.get("type"), str) else node.get("type", [])
    if "object" in types and "properties" in node:
        return {name: poisoned(part, f"{place}.{name}") for name, part in node["properties"].items()}
    if "object" in types:
        return {f"{place} {SCRIPT}"[:100]: f"{place} {SCRIPT}"}
    if "array" in types:
        return [poisoned(node["items"], place)]
    if "string" in types and not any(keyword in node for keyword in FORMED):
        return f"{SCRIPT} {place}"[: node.get("maxLength", 1_000)]
    return node["enum"][0] if "enum" in node else node["examples"][0]


async def harmless(page: Page, where: str) -> None:
    """No script ran, and nothing of the character became an element of the page."""
    assert await page.evaluate("window.hacked") is None, where
    made = "img[src='x' i], svg[onload], [onerror], a[href^='javascript' i], [src*='pixel.png']"
    assert await page.locator(made).count() == 0, where


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


async def test_a_character_with_a_script_in_every_field_is_harmless_on_every_page(
    talking: Client, llm_stub: LLMStub, page: Page
):
    schema = json.loads((await talking.get("/api/characters/schema"))[1])
    definition = poisoned(schema)
    status, made = await talking.post(
        "/api/characters", {"name": "hostile", "definition": {**definition, "name": "hostile"}}
    )
    assert status == 201, made
    called = made["character"]["display_name"]
    assert SCRIPT in called
    llm_stub.will(says(f"I am {SCRIPT}"))
    await open_chat(page, f"{talking.url}/?character=hostile")
    await say(page, f"Who are you? {SCRIPT}", "I am <script>")
    await harmless(page, "chat")
    for panel in ("Why this answer", "Search"):
        await page.get_by_role("button", name=panel).first.click()
        await page.wait_for_load_state("networkidle")
        await harmless(page, panel)
    for path in ("/welcome/", *(f"/memory/?part={part}&character=hostile" for part in PARTS), "/settings/?part=keys"):
        await page.goto(talking.url + path)
        await page.wait_for_load_state("networkidle")
        await harmless(page, path)
    await page.goto(f"{talking.url}/characters/")
    await expect(page.get_by_role("link", name=f"Edit {called}")).to_be_visible()
    await harmless(page, "gallery")

    await page.goto(f"{talking.url}/characters/edit/?name=hostile")
    names = page.get_by_role("navigation", name="Sections").get_by_role("button")
    await expect(names.first).to_be_visible()
    for name in await names.all_inner_texts():
        part = await go_to(page, name)
        for details in await part.get_by_role("button", name="Details of").all():
            await details.click()
        await harmless(page, name)
    pane = page.get_by_role("complementary", name="What the model gets")
    for section in await pane.locator("summary").all():
        await section.click()
    await expect(pane).to_contain_text("<script>window.hacked=1</script>")
    await harmless(page, "prompt")

    await go_to(page, "Identity")
    await page.get_by_label("Occupation").fill(f"Other {SCRIPT}")
    await saved(page, 2)
    await page.get_by_role("button", name="History").click()
    await page.get_by_role("button", name="Differences of version 2").click()
    await expect(page.get_by_role("dialog")).to_contain_text("<script>window.hacked=1</script>")
    await harmless(page, "versions")


async def test_the_preview_of_a_hostile_card_is_harmless(talking: Client, page: Page):
    lost = {f"<img src=x onerror='window.hacked=1'>{number}": SCRIPT for number in range(3)}
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**V2_DATA, **lost, "name": f"Eve {SCRIPT}"}}
    await open_chat(page, talking.url)
    await page.goto(f"{talking.url}/characters/")
    await page.get_by_role("button", name="Import").click()
    file = {"name": f"{SCRIPT}.json", "mimeType": "application/json", "buffer": json.dumps(card).encode()}
    await page.get_by_label("File").set_input_files(file)  # type: ignore[arg-type]
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Eve <script>window.hacked=1</script>")
    await harmless(page, "preview")
