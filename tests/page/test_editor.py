"""The editor: every field of the language, drafts, undo, conflicts, history, and what the model would get."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.page.talk import open_chat
from tests.page.test_accessibility import violations
from tests.support.llm_stub import LLMStub, says
from tests.support.pictures import picture
from tests.support.service import Client

WRITABLE = "input:not([type=file]):not([type=search]), textarea"
CONTENTS = """(part) => [...part.querySelectorAll("input:not([type=file]), textarea, select, [role=slider]")]
  .map((each) => each.value ?? each.getAttribute("aria-valuenow"))"""


async def open_editor(page: Page, client: Client, name: str) -> None:
    await open_chat(page, client.url)
    await page.goto(f"{client.url}/characters/edit/?name={name}")
    await expect(page.get_by_label("Full name")).to_be_visible()


async def go_to(page: Page, section: str) -> Locator:
    """The form of a section."""
    await page.get_by_role("navigation", name="Sections").get_by_role("button", name=section).click()
    part = page.get_by_role("region", name=section, exact=True)
    await expect(part).to_be_visible()
    return part


async def sections(page: Page) -> list[str]:
    names = await page.get_by_role("navigation", name="Sections").get_by_role("button").all_inner_texts()
    return [name for name in names if name != "Discord"]


async def saved(page: Page, version: int) -> None:
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text(f"Saved as version {version}.", exact=True)).to_be_visible()


async def definition(client: Client, name: str) -> dict[str, Any]:
    _, body = await client.get(f"/api/characters/{name}")
    return body["character"]["definition"]


async def fill(part: Locator) -> None:
    """Write into every empty field what it gives as its example; choose and slide what cannot be written."""
    for field in await part.locator(WRITABLE).all():
        if await field.input_value() == "":
            example = await field.get_attribute("placeholder")
            assert example, await field.evaluate("(each) => each.labels[0]?.textContent ?? each.outerHTML")
            await field.fill(example)
    for choice in await part.locator("select").all():
        await choice.select_option(index=await choice.locator("option").count() - 1)
    for slider in await part.get_by_role("slider").all():
        await slider.press("ArrowRight")


def places(schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """Every field outside of lists."""
    for name, node in schema.get("properties", {}).items():
        here = f"{place}.{name}" if place else name
        if node.get("type") == "object" and "properties" in node:
            yield from places(node, here)
        else:
            yield here


def at(document: Any, place: str) -> Any:
    for name in place.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


async def test_a_character_with_every_field_filled_is_the_same_after_a_reload(talking: Client, page: Page):
    await open_chat(page, talking.url)
    await page.goto(f"{talking.url}/characters/")
    await page.get_by_role("button", name="New character").click()
    await page.get_by_label("Name that people read").fill("Ada Quill")
    await page.get_by_role("button", name="Begin writing").click()
    await expect(page.get_by_label("Full name")).to_have_value("Ada Quill")
    written: dict[str, list[str]] = {}
    for section in await sections(page):
        part = await go_to(page, section)
        for add in await part.get_by_role("button", name="Add to ").all():
            await add.click()
        await fill(part)
        if section == "Lorebook":
            await part.get_by_role("button", name="Add an entry").click()
            entry = page.get_by_role("dialog")
            await expect(entry.get_by_label("Content")).to_be_visible()
            await fill(entry)
            await page.keyboard.press("Escape")
            await expect(entry).to_have_count(0)
        written[section] = await part.evaluate(CONTENTS)
    await saved(page, 2)
    stored = await definition(talking, "ada_quill")
    schema = json.loads((await talking.get("/api/characters/schema"))[1])
    assert [place for place in places(schema) if at(stored, place) is None] == []
    assert set(stored["lorebook"]["entries"][0]) == set(
        schema["properties"]["lorebook"]["properties"]["entries"]["items"]["properties"]
    )
    await page.reload()
    await expect(page.get_by_label("Full name")).to_have_value("Ada Quill")
    for section, contents in written.items():
        part = await go_to(page, section)
        assert await part.evaluate(CONTENTS) == contents, section
    await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()


async def test_details_stand_beside_a_plain_entry_and_go_without_a_trace(talking: Client, page: Page):
    await open_editor(page, talking, "assistant")
    part = await go_to(page, "Goals")
    before = len((await definition(talking, "assistant")).get("goals", []))
    await part.get_by_role("button", name="Paste lines into Goals").click()
    await page.get_by_role("dialog").get_by_label("Goals").fill("Learn to whistle\n\nSleep more")
    await page.get_by_role("button", name="Add these lines").click()
    last = f"Goals {before + 2}"
    await part.get_by_role("button", name=f"Move {last} up").click()
    await part.get_by_role("button", name=f"Details of Goals {before + 1}").click()
    await part.get_by_label("Priority").fill("7")
    await saved(page, 2)
    stored = (await definition(talking, "assistant"))["goals"][before:]
    assert stored == [{"text": "Sleep more", "priority": 7}, "Learn to whistle"]
    await part.get_by_label("Priority").fill("")
    await saved(page, 3)
    assert (await definition(talking, "assistant"))["goals"][before] == "Sleep more"


async def test_two_editors_at_once_are_joined(talking: Client, new_page: Callable):
    first, second = await new_page(), await new_page()
    await open_editor(first, talking, "mira_okafor")
    await open_editor(second, talking, "mira_okafor")
    await first.get_by_label("Occupation").fill("ferry captain")
    await saved(first, 2)
    await second.get_by_label("Nickname").fill("Captain")
    await second.get_by_role("button", name="Save", exact=True).click()
    conflict = second.get_by_role("region", name="Somebody saved this character while you were writing")
    await expect(conflict).to_contain_text("ferry captain")
    await expect(conflict).to_contain_text("Identity, Nickname")
    assert await violations(second) == []
    await conflict.get_by_role("button", name="Join both").click()
    await expect(second.get_by_label("Occupation")).to_have_value("ferry captain")
    await expect(second.get_by_label("Nickname")).to_have_value("Captain")
    await saved(second, 3)
    stored = (await definition(talking, "mira_okafor"))["identity"]
    assert (stored["occupation"], stored["nickname"]) == ("ferry captain", "Captain")


async def test_a_draft_outlives_the_page_and_leaving_is_asked_about(talking: Client, page: Page):
    await open_editor(page, talking, "assistant")
    await page.get_by_label("Occupation").fill("lighthouse keeper")
    await expect(page.get_by_text("A draft is kept in this browser")).to_be_visible()
    await page.get_by_role("link", name="Status").click()
    await expect(page.get_by_role("dialog", name="Leave with unsaved changes?")).to_be_visible()
    await page.get_by_role("button", name="Stay here").click()
    await expect(page.get_by_label("Occupation")).to_have_value("lighthouse keeper")
    await page.get_by_role("link", name="Status").click()
    await page.get_by_role("button", name="Leave, keep the draft").click()
    await expect(page.get_by_role("heading", level=1, name="Status")).to_be_visible()
    await page.goto(f"{talking.url}/characters/edit/?name=assistant")
    await page.get_by_role("button", name="Go on with the draft").click()
    await expect(page.get_by_label("Occupation")).to_have_value("lighthouse keeper")
    await saved(page, 2)
    assert (await definition(talking, "assistant"))["identity"]["occupation"] == "lighthouse keeper"
    await page.reload()
    await expect(page.get_by_label("Occupation")).to_have_value("lighthouse keeper")
    await expect(page.get_by_role("button", name="Go on with the draft")).to_have_count(0)


async def test_the_browsers_back_button_is_asked_about_too(talking: Client, page: Page):
    await open_chat(page, talking.url)
    await page.goto(f"{talking.url}/characters/")
    await page.get_by_role("link", name="Edit Wren").click()
    occupation = page.get_by_label("Occupation")
    await occupation.fill("lighthouse keeper")
    await expect(page.get_by_text("A draft is kept in this browser")).to_be_visible()
    question = page.get_by_role("dialog", name="Leave with unsaved changes?")
    for _ in range(2):
        await page.evaluate("history.back()")
        await page.get_by_role("button", name="Stay here").click()
        await expect(question).to_have_count(0)
        await expect(occupation).to_have_value("lighthouse keeper")
    await page.evaluate("history.back()")
    await question.get_by_role("button", name="Save and leave").click()
    await expect(page.get_by_role("heading", level=1, name="Characters")).to_be_visible()
    assert (await definition(talking, "assistant"))["identity"]["occupation"] == "lighthouse keeper"


async def test_once_saved_one_step_back_leads_out_of_the_editor(talking: Client, page: Page):
    await open_chat(page, talking.url)
    await page.goto(f"{talking.url}/characters/")
    await page.get_by_role("link", name="Edit Wren").click()
    await page.get_by_label("Occupation").fill("lighthouse keeper")
    await saved(page, 2)
    await page.evaluate("history.back()")
    await expect(page.get_by_role("heading", level=1, name="Characters")).to_be_visible()


async def test_undo_and_redo_go_through_what_was_written(talking: Client, page: Page):
    await open_editor(page, talking, "mira_okafor")
    occupation = page.get_by_label("Occupation")
    await occupation.fill("diver")
    await expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    await occupation.fill("")
    await expect(page.get_by_role("status").filter(has_text="Not saved")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(occupation).to_have_value("diver")
    await page.get_by_role("button", name="Undo").click()
    await expect(occupation).to_have_value("marine biologist")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    await page.get_by_role("button", name="Redo").click()
    await expect(occupation).to_have_value("diver")


async def test_what_is_wrong_stands_beside_its_field_and_in_the_list_of_sections(talking: Client, page: Page):
    await open_editor(page, talking, "assistant")
    await page.get_by_label("Age", exact=True).fill("-1")
    await page.get_by_label("Nickname").focus()
    part = page.get_by_role("region", name="Identity", exact=True)
    await expect(part.get_by_text("identity.age is -1")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Sections").get_by_label("1 problem")).to_be_visible()
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("alert").filter(has_text="identity.age").first).to_be_visible()
    assert (await talking.get("/api/characters/assistant"))[1]["character"]["version"] == 1
    await page.get_by_label("Age", exact=True).fill("30")
    await expect(part.get_by_text("identity.age is -1")).to_have_count(0)
    await saved(page, 2)


async def test_the_prompt_and_a_try_out_are_those_of_the_unsaved_character(
    talking: Client, llm_stub: LLMStub, page: Page
):
    llm_stub.will(says("Ahoy."))
    await open_editor(page, talking, "assistant")
    await page.get_by_label("Occupation").fill("lighthouse keeper of Vinga")
    pane = page.get_by_role("complementary", name="What the model gets")
    await pane.get_by_text("Identity", exact=True).click()
    await expect(pane).to_contain_text("lighthouse keeper of Vinga")
    await pane.get_by_role("button", name="Try out").click()
    await pane.get_by_label("Say something").fill("What do you do?")
    await pane.get_by_role("button", name="Say").click()
    await expect(pane.get_by_role("log")).to_contain_text("Ahoy.")
    assert "lighthouse keeper of Vinga" in json.dumps(llm_stub.completions[-1].body)
    assert "lighthouse" not in json.dumps(await definition(talking, "assistant"))


async def test_an_earlier_version_is_compared_and_restored(talking: Client, page: Page):
    await open_editor(page, talking, "mira_okafor")
    await page.get_by_label("Occupation").fill("ferry captain")
    await saved(page, 2)
    await page.get_by_role("button", name="History").click()
    await page.get_by_role("button", name="Differences of version 2").click()
    await expect(page.get_by_role("dialog")).to_contain_text("ferry captain")
    await page.get_by_role("button", name="Restore version 1").click()
    await expect(page.get_by_label("Occupation")).to_have_value("marine biologist")
    stored = await definition(talking, "mira_okafor")
    assert stored["identity"]["occupation"] == "marine biologist"


async def test_a_picture_is_uploaded_and_taken_back(talking: Client, page: Page):
    await open_editor(page, talking, "assistant")
    await go_to(page, "About and picture")
    file = {"name": "me.png", "mimeType": "image/png", "buffer": picture("PNG")}
    await page.get_by_label("Upload a picture").set_input_files(file)  # type: ignore[arg-type]
    await expect(page.get_by_text("The picture is saved.", exact=True)).to_be_visible()
    _, _, headers = await talking.request("HEAD", "/api/characters/assistant/avatar?size=64")
    assert headers["Content-Type"] == "image/webp"
    await page.get_by_role("button", name="Go back to the drawn one").click()
    await expect(page.get_by_text("The drawn picture is back.", exact=True)).to_be_visible()


@pytest.mark.parametrize(("scheme", "first"), [("light", 0), ("dark", 1)])
async def test_axe_finds_nothing_in_the_sections(talking: Client, new_page: Callable, scheme: str, first: int):
    page = await new_page(color_scheme=scheme, reduced_motion="reduce")
    await open_editor(page, talking, "mira_okafor")
    for section in ["Discord", *await sections(page)][first::2]:
        await go_to(page, section)
        assert await violations(page) == [], section
