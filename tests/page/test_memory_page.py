"""The page on which a person looks at, changes and erases what is kept."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.page.talk import open_chat
from tests.support.service import Client


async def open_memory(page: Page, client: Client, part: str) -> None:
    await open_chat(page, client.url)
    await page.goto(f"{client.url}/memory/?part={part}")
    await expect(page.get_by_role("tab", selected=True)).to_be_visible()


async def test_facts_are_told_edited_pinned_and_forgotten(talking: Client, page: Page):
    await talking.say("Hi")
    await open_memory(page, talking, "facts")
    await page.get_by_label("Tell a fact").fill("Sam keeps bees.")
    await page.get_by_role("button", name="Keep this fact").click()
    row = page.get_by_role("row").filter(has_text="Sam keeps")
    await expect(row).to_contain_text("told here")
    await row.get_by_role("button", name="What to do with").click()
    await page.get_by_role("menuitem", name="Edit").click()
    await page.get_by_label("The fact in other words").fill("Sam keeps two hives of bees.")
    await page.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("two hives")
    await row.get_by_role("button", name="What to do with").click()
    await page.get_by_role("menuitem", name="Pin").click()
    await expect(row).to_contain_text("pinned")
    await row.get_by_role("button", name="What to do with").click()
    await page.get_by_role("menuitem", name="Forget").click()
    await expect(row).to_have_count(0)
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await page.get_by_role("button", name="Close").click()
    assert (await deleted.value).ok
    _, body = await talking.get("/api/users/sam/facts")
    assert [fact["text"] for fact in body["facts"] if "hives" in fact["text"]] == []


async def test_memories_are_found_edited_and_forgotten(talking: Client, page: Page):
    await talking.say("My boat is called Albatross.")
    await open_memory(page, talking, "memories")
    entry = page.get_by_role("listitem").filter(has_text="boat")
    await expect(entry).to_be_visible()
    await page.get_by_role("searchbox", name="Search").fill("boat")
    await page.get_by_role("button", name="Search").click()
    await expect(entry).to_contain_text("score")
    await entry.get_by_role("button", name="What to do with").click()
    await page.get_by_role("menuitem", name="Edit").click()
    await page.get_by_label("The message in other words").fill("My boat is called Petrel.")
    await page.get_by_role("button", name="Save").click()
    await expect(entry).to_contain_text("Petrel")
    _, body = await talking.get("/api/users/sam/messages")
    assert body["messages"][1]["content"] == "My boat is called Petrel."


async def test_feelings_and_the_relationship_are_drawn_with_a_table_behind_them(talking: Client, page: Page):
    await talking.say("I am so happy today!")
    await talking.say("And now I am sad.")
    await open_memory(page, talking, "feelings")
    await page.get_by_text("Feelings as a table").click()
    await expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)
    await expect(page.get_by_role("cell", name="joy")).to_be_visible()
    await page.get_by_role("tab", name="Relationship").click()
    await page.get_by_text("Relationship as a table").click()
    await expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)


async def test_a_person_is_erased_only_after_the_name_was_typed(talking: Client, page: Page):
    await talking.say("Remember me.")
    await open_memory(page, talking, "everything")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export as JSON").click()
    assert (await download.value).suggested_filename == "whisperengine-export.json"
    await page.get_by_role("button", name="Erase everything this person has said").click()
    dialog = page.get_by_role("dialog")
    erase = dialog.get_by_role("button", name="Erase everything this person has said")
    await dialog.get_by_label("Type “sam” to confirm").fill("Sam")
    await expect(erase).to_be_disabled()
    await dialog.get_by_label("Type “sam” to confirm").fill("sam")
    await erase.click()
    await expect(page.get_by_text("Nobody of this name has talked here yet")).to_be_visible()
    assert (await talking.get("/api/users/sam"))[0] == 404
