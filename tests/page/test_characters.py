"""The gallery: characters are found, brought in as files, copied, sent out and put away."""

from __future__ import annotations

import base64
import json

import pytest
from playwright.async_api import Page, expect

from tests.page.talk import open_chat, say
from tests.support.card_samples import V2, V2_DATA, V3, V3_DATA
from tests.support.llm_stub import LLMStub, says
from tests.support.pictures import picture
from tests.support.service import Client
from whisperengine.characters.charx import write_charx
from whisperengine.characters.png import with_texts

CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Vesper Lune",
        "description": "A night gardener.",
        "first_mes": "Mind the moths.",
        "tags": ["night"],
        "character_book": {
            "entries": [{"keys": ["moth"], "content": "Moths like the lamp.", "insertion_order": "early"}],
        },
    },
}


async def open_gallery(page: Page, client: Client) -> None:
    await open_chat(page, client.url)
    await page.goto(f"{client.url}/characters/")
    await expect(page.get_by_role("link", name="Edit Wren")).to_be_visible()


async def act(page: Page, name: str, action: str) -> None:
    await page.get_by_role("button", name=f"What to do with {name}").click()
    await page.get_by_role("menuitem", name=action, exact=True).click()


async def test_a_card_is_shown_with_what_is_lost_then_saved_and_talked_to(
    talking: Client, llm_stub: LLMStub, page: Page
):
    llm_stub.will(says("The lamp is lit."))
    await open_gallery(page, talking)
    await page.get_by_role("button", name="Import").click()
    file = {"name": "vesper.json", "mimeType": "application/json", "buffer": json.dumps(CARD).encode()}
    await page.get_by_label("File").set_input_files(file)  # type: ignore[arg-type]
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("One thing is lost")
    await expect(dialog).to_contain_text("insertion_order")
    assert (await talking.get("/api/characters/vesper_lune"))[0] == 404, "saved before it was asked for"
    await dialog.get_by_role("button", name="Save this character").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Vesper Lune")
    await page.goto(f"{talking.url}/?character=vesper_lune")
    await say(page, "Is anybody there?", "The lamp is lit.")
    assert "A night gardener." in json.dumps(llm_stub.completions[-1].body)


BOOK = {"entries": [{"keys": ["seal"], "content": "Grey seals pup in November.", "insertion_order": "early"}]}


def png_card() -> bytes:
    """A picture with a card of version 2 in it, as most programs write them."""
    card = {**V2, "data": {**V2_DATA, "character_book": BOOK}}
    return with_texts(picture("PNG"), {"chara": json.dumps(card).encode()})


def charx_card() -> bytes:
    """An archive with a card of version 3, its picture and a further file."""
    icon = {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}
    card = {**V3, "data": {**V3_DATA, "assets": [icon], "character_book": BOOK}}
    files = {"assets/icon/images/main.png": picture("PNG"), "assets/other/audio/song.ogg": b"OggS" * 100}
    return write_charx(json.dumps(card).encode(), files)


async def drop(page: Page, name: str, data: bytes) -> None:
    """A file let go over the gallery."""
    await page.evaluate(
        """([name, data]) => {
          const files = new DataTransfer();
          files.items.add(new File([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], name));
          for (const type of ["dragover", "drop"])
            document.querySelector("h1").dispatchEvent(
              new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: files }),
            );
        }""",
        [name, base64.b64encode(data).decode()],
    )


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("mira.png", png_card(), "a picture with a character card in it"),
        ("mira.charx", charx_card(), "a character card with its files"),
    ],
    ids=["PNG", "CHARX"],
)
async def test_a_card_dropped_on_the_gallery_is_looked_at_first_then_saved_and_talked_to(
    talking: Client, llm_stub: LLMStub, page: Page, name: str, data: bytes, told: str
):
    llm_stub.will(says("The tide is out."))
    await open_gallery(page, talking)
    await drop(page, name, data)
    dialog = page.get_by_role("dialog")
    for words in ["Mira", "Brings its own picture.", "One thing is lost", "insertion_order", told]:
        await expect(dialog).to_contain_text(words)
    assert (await talking.get("/api/characters/mira"))[0] == 404, "saved before it was asked for"
    await dialog.get_by_role("button", name="Save this character").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Mira")
    _, _, headers = await talking.request("HEAD", "/api/characters/mira/avatar?size=64")
    assert headers["Content-Type"] == "image/webp", "the picture of the file, not a drawn one"
    await page.goto(f"{talking.url}/?character=mira")
    await say(page, "Is anybody there?", "The tide is out.")
    assert "marine biologist" in json.dumps(llm_stub.completions[-1].body)


async def test_one_who_is_here_already_is_kept_beside_the_imported_one(talking: Client, page: Page):
    _, yaml, _ = await talking.request("GET", "/api/characters/tamsin_vane/export?format=cdl-yaml")
    await open_gallery(page, talking)
    await page.get_by_role("button", name="Import").click()
    file = {"name": "tamsin.yaml", "mimeType": "application/yaml", "buffer": yaml.encode()}
    await page.get_by_label("File").set_input_files(file)  # type: ignore[arg-type]
    await expect(page.get_by_label("What to do with the one that is there")).to_have_value("rename")
    await page.get_by_role("button", name="Save this character").click()
    await page.wait_for_url("**/edit/?name=tamsin_vane_2")
    assert (await talking.get("/api/characters/tamsin_vane"))[0] == 200


async def test_search_and_tags_find_characters(talking: Client, page: Page):
    await open_gallery(page, talking)
    await page.get_by_role("button", name="fantasy 1").click()
    await expect(page.get_by_role("link", name="Edit Tamsin Vane")).to_be_visible()
    await expect(page.get_by_role("link", name="Edit Wren")).to_have_count(0)
    await page.get_by_role("button", name="fantasy 1").click()
    await page.get_by_label("Search characters").fill("kelp")
    await expect(page.get_by_role("link", name="Edit Wren")).to_have_count(0)
    await expect(page.get_by_role("link", name="Edit Dr. Mira Okafor")).to_be_visible()
    await page.get_by_label("Search characters").fill("nobody is like this")
    await expect(page.get_by_text("Nobody fits this search")).to_be_visible()


async def test_clone_archive_undo_and_restore(talking: Client, page: Page):
    await open_gallery(page, talking)
    await act(page, "Tamsin Vane", "Clone")
    await page.get_by_label("Name that people read").fill("Tamsin the Younger")
    await expect(page.get_by_label("Short name")).to_have_value("tamsin_the_younger")
    await page.get_by_role("button", name="Make the copy").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Tamsin the Younger")
    await open_gallery(page, talking)
    younger = page.get_by_role("link", name="Edit Tamsin the Younger")
    await act(page, "Tamsin the Younger", "Archive")
    await expect(younger).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(younger).to_be_visible()
    await act(page, "Tamsin the Younger", "Archive")
    await expect(younger).to_have_count(0)
    await page.get_by_role("switch", name="Archived ones").click()
    await act(page, "Tamsin the Younger", "Restore")
    await expect(younger).to_have_count(0)
    await page.get_by_role("switch", name="Archived ones").click()
    await expect(younger).to_be_visible()


async def test_an_export_tells_what_other_programs_will_not_see(talking: Client, page: Page):
    await open_gallery(page, talking)
    await act(page, "Wren", "Export")
    await page.get_by_label("Format").select_option("v2-json")
    await expect(page.get_by_role("dialog")).to_contain_text("What other programs will not see")
    await page.get_by_label("Format").select_option("cdl-json")
    await expect(page.get_by_role("dialog")).to_contain_text("This format has a place for everything")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download the file").click()
    assert (await download.value).suggested_filename.startswith("assistant")
