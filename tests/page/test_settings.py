"""The settings page: what is changed there is in force, and secrets are never shown."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.page.talk import open_chat
from tests.page.test_accessibility import violations
from tests.support.llm_stub import LLMStub
from tests.support.service import Client


async def open_settings(page: Page, client: Client, part: str) -> None:
    await open_chat(page, client.url)
    await page.goto(f"{client.url}/settings/?part={part}")
    await expect(page.get_by_role("tab", selected=True)).to_be_visible()


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Save these settings").click()
    await expect(page.get_by_text("Saved and in force.", exact=True)).to_be_visible()


async def test_a_change_is_in_force_with_the_next_answer_and_stands_in_the_audit(
    offline: Client, llm_stub: LLMStub, page: Page
):
    await open_settings(page, offline, "language-model")
    await page.get_by_label("Kind of endpoint").select_option("local")
    await page.get_by_label("Address", exact=True).fill(llm_stub.url)
    await page.get_by_role("textbox", name="Model", exact=True).fill("stub-model")
    await page.get_by_label("Temperature").fill("0.3")
    await save(page)
    await offline.say("Hi")
    assert llm_stub.completions[-1].body["temperature"] == 0.3
    await page.get_by_role("tab", name="Changes").click()
    await expect(page.get_by_role("row").filter(has_text="Temperature")).to_contain_text("0.3")


async def test_a_wrong_value_is_told_beside_its_field_and_nothing_is_saved(offline: Client, page: Page):
    await open_settings(page, offline, "language-model")
    await page.get_by_label("Temperature").fill("9")
    await page.get_by_label("Address", exact=True).fill("not an address")
    await expect(page.get_by_text("Use a number from 0 to 2.")).to_be_visible()
    await page.get_by_label("Temperature").fill("1")
    await page.get_by_role("button", name="Save these settings").click()
    await expect(page.get_by_role("main").get_by_role("alert").first).to_be_visible()
    _, body = await offline.get("/api/settings")
    assert {each["source"] for each in body["settings"] if each["key"] == "llm.temperature"} == {"default"}


async def test_a_secret_is_written_and_never_shown(offline: Client, page: Page):
    await open_settings(page, offline, "language-model")
    await page.get_by_label("Address", exact=True).fill("https://models.example/v1")
    await page.get_by_label("Key of the endpoint").fill("sk-very-secret")
    await save(page)
    await page.reload()
    key = page.get_by_label("Key of the endpoint")
    await expect(key).to_have_attribute("placeholder", "Set. Type a new one to replace it.")
    assert "sk-very-secret" not in await page.content()
    assert await key.input_value() == ""
    await page.get_by_role("button", name="Remove it when saving").click()
    await save(page)
    await expect(key).to_have_attribute("placeholder", "Not set")


async def test_what_the_environment_fixes_is_shown_as_fixed(talking: Client, page: Page):
    await open_settings(page, talking, "language-model")
    _, body = await talking.get("/api/settings")
    fixed = [each for each in body["settings"] if each["fixed"] and each["group"] == "Language model"]
    for setting in fixed:
        await expect(page.get_by_text(f"Fixed by {setting['variable']}")).to_be_visible()
    assert await page.locator("form").first.locator(":disabled:not(button[type=submit])").count() == len(fixed)


async def test_further_endpoints_are_added_ordered_and_tested_in_words(offline: Client, llm_stub: LLMStub, page: Page):
    await open_settings(page, offline, "language-model")
    for number, url in enumerate(("http://127.0.0.1:9/v1", llm_stub.url)):
        await page.get_by_role("button", name="Add an endpoint").click()
        await page.locator("ol > li").nth(number).get_by_label("Address", exact=True).fill(url)
    await page.get_by_role("button", name="Move endpoint 2 up").click()
    await page.get_by_role("button", name="Save these endpoints").click()
    await expect(page.get_by_text("Saved and in force.", exact=True)).to_be_visible()
    _, body = await offline.get("/api/settings")
    listed = next(each["value"] for each in body["settings"] if each["key"] == "llm.endpoints")
    assert [each["url"] for each in listed] == [llm_stub.url, "http://127.0.0.1:9/v1"]
    await page.get_by_role("button", name="Test endpoint 1").click()
    await expect(page.get_by_text("2 models found.")).to_be_visible()


async def test_a_key_is_made_shown_once_and_revoked(offline: Client, page: Page):
    await open_settings(page, offline, "keys")
    await page.get_by_label("For whom or what").fill("Robin")
    await page.get_by_label("Only as this person").fill("robin")
    await page.get_by_role("button", name="Make this key").click()
    shown = page.get_by_role("status").locator("code")
    key = await shown.inner_text()
    status, _ = await offline.get("/api/session", headers={"Authorization": f"Bearer {key}"})
    assert status == 200
    await page.reload()
    row = page.get_by_role("row").filter(has_text="Robin")
    await expect(row).to_contain_text("as robin alone")
    assert key not in await page.content()
    prefix = (await row.locator("code").inner_text()).removesuffix("…")
    await row.get_by_role("button", name="Revoke").click()
    revoke = page.get_by_role("dialog").get_by_role("button", name="Revoke this key")
    await expect(revoke).to_be_disabled()
    await page.get_by_label(f"Type “{prefix}” to confirm").fill(prefix)
    await revoke.click()
    await expect(row).to_contain_text("revoked")


async def test_the_discord_part_says_what_is_missing(offline: Client, page: Page):
    await open_settings(page, offline, "discord")
    await expect(page.get_by_text("Discord is switched off.")).to_be_visible()
    await expect(page.get_by_label("Token of the bot")).to_have_attribute("type", "password")


async def test_axe_finds_nothing_in_any_part(offline: Client, page: Page):
    await open_settings(page, offline, "language-model")
    for tab in await page.get_by_role("tab").all():
        await tab.click()
        await page.wait_for_load_state("networkidle")
        assert await violations(page) == [], await tab.inner_text()
