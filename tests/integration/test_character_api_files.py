"""Characters as files over HTTP: import, export, pictures."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import aiohttp

from tests.support.card_samples import CARDS
from tests.support.pictures import noise, opened, picture
from tests.support.service import Client
from whisperengine.characters.definition import parse
from whisperengine.characters.formats import export_bytes, import_bytes

MIRA = parse({"cdl": "3.0", "name": "mira", "identity": {"full_name": "Mira"}, "model": {"url": "http://evil.example"}})


async def send(client: Client, data: bytes, filename: str = "card.png", **fields: str) -> tuple[int, Any]:
    form = aiohttp.FormData(fields)
    form.add_field("file", io.BytesIO(data), filename=filename)
    return await post_form(client, form)


async def post_form(client: Client, form: aiohttp.FormData) -> tuple[int, Any]:
    status, body, _ = await client.request("POST", "/api/characters/import", data=form)
    return status, body


async def fetched(client: Client, path: str, **headers: str) -> tuple[int, bytes, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.session.get(client.url + "/api/characters" + path, headers=names) as response:
        return response.status, await response.read(), response.headers


def card(data: bytes) -> bytes:
    return export_bytes(MIRA, "png", data).data


async def test_a_dry_run_tells_what_would_come_in_and_keeps_nothing(offline: Client):
    status, body = await send(offline, card(picture("PNG")), dry_run="1")
    assert (status, body["format"], body["name"], body["exists"], body["has_picture"]) == (
        200,
        "png",
        "mira",
        False,
        True,
    )
    assert body["definition"]["identity"]["full_name"] == "Mira"
    assert [item["path"] for item in body["lost"]] == ["model.url"]
    assert (await offline.get("/api/characters/mira"))[0] == 404


async def test_a_card_comes_in_with_its_picture_and_leaves_in_it(offline: Client):
    original = picture("PNG", colour="#104070")
    status, body = await send(offline, card(original))
    assert status == 201, body
    assert body["character"]["definition"]["identity"]["full_name"] == "Mira"
    _, data, headers = await fetched(offline, "/mira/export?format=png")
    assert 'filename="mira.png"' in headers["Content-Disposition"]
    imported = import_bytes(data)
    assert imported.avatar == original
    status, small, headers = await fetched(offline, "/mira/avatar?size=128")
    assert (headers["Content-Type"], opened(small).size) == ("image/webp", (128, 128))


async def test_what_to_do_about_a_name_that_is_taken_is_the_callers_choice(offline: Client):
    data = json.dumps(MIRA.document).encode()
    assert (await send(offline, data, "mira.json"))[0] == 201
    status, body = await send(offline, data, "mira.json")
    assert (status, body["code"]) == (409, "name_taken")
    status, body = await send(offline, data, "mira.json", on_conflict="rename")
    assert (status, body["character"]["name"]) == (201, "mira_2")
    changed = json.dumps({**MIRA.document, "voice": {"tone": "dry"}}).encode()
    status, body = await send(offline, changed, "mira.json", on_conflict="replace")
    assert (status, body["character"]["version"]) == (200, 2)
    status, body = await send(offline, data, "mira.json", name="marina")
    assert (status, body["character"]["name"]) == (201, "marina")
    status, body = await send(offline, data, "mira.json", name="Not A Name")
    assert (status, body["code"]) == (400, "invalid_name")
    assert "not_a_name" in body["error"]
    assert (await send(offline, data, on_conflict="perhaps"))[1]["code"] == "invalid_field"


async def test_every_card_comes_in_and_leaves_in_its_own_format_unchanged(offline: Client):
    for value in CARDS.values():
        data = json.dumps(value, ensure_ascii=False).encode()
        status, body = await send(offline, data, "card.json", on_conflict="replace")
        assert status in (200, 201), body
        form = body["format"]
        _, out, _ = await fetched(offline, f"/{body['character']['name']}/export?format={form}")
        assert json.loads(out) == import_and_export(data, form)


def import_and_export(data: bytes, form: str) -> Any:
    definition = import_bytes(data).definition
    assert definition is not None
    return json.loads(export_bytes(definition, form).data)  # type: ignore[arg-type]


async def test_files_in_a_charx_survive_the_database(offline: Client):
    assets = [{"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}]
    definition = parse({"cdl": "3.0", "name": "nia", "assets": assets})
    files = {"assets/icon/images/main.png": picture("PNG"), "assets/other/audio/song.ogg": b"OggS" * 100}
    status, body = await send(offline, export_bytes(definition, "charx", None, files).data, "nia.charx")
    assert status == 201, body
    _, data, _ = await fetched(offline, "/nia/export?format=charx")
    assert import_bytes(data).assets == files
    _, body = await offline.post("/api/characters/nia/clone", {"name": "nia_two"})
    _, data, _ = await fetched(offline, "/nia_two/export?format=charx")
    assert import_bytes(data).assets == files


async def test_every_format_is_a_download_with_a_report(offline: Client):
    for form in ("cdl-json", "cdl-yaml", "v2-json", "v3-json", "png", "charx", "v1-json", "yaml-2.0", "legacy-json"):
        status, data, headers = await fetched(offline, f"/mira_okafor/export?format={form}")
        assert status == 200, form
        assert headers["Content-Disposition"].startswith('attachment; filename="mira_okafor')
        assert import_bytes(data, headers["Content-Disposition"][:-1]).definition is not None
    _, body = await offline.get("/api/characters/mira_okafor/export?format=v1-json&report=1")
    assert "No place in this format" in body["notes"][0]
    assert (await offline.get("/api/characters/mira_okafor/export?format=doc"))[1]["code"] == "unknown_format"


async def test_a_lorebook_alone_goes_to_the_character_that_is_named(offline: Client):
    book = json.dumps({"spec": "lorebook_v3", "data": {"entries": [{"keys": ["reef"], "content": "It glows."}]}})
    assert (await send(offline, book.encode(), "book.json"))[1]["code"] == "character_required"
    status, body = await send(offline, book.encode(), "book.json", name="assistant", on_conflict="replace")
    assert status == 200, body
    assert body["character"]["definition"]["lorebook"]["entries"][0]["content"] == "It glows."
    assert (await send(offline, book.encode(), "book.json", name="assistant"))[1]["code"] == "lorebook_exists"


async def test_a_large_card_comes_in_while_others_are_answered(offline: Client):
    data = card(noise(20))
    answered = 0

    async def beat() -> None:
        nonlocal answered
        while True:
            assert (await offline.get("/health"))[0] == 200
            answered += 1

    beating = asyncio.create_task(beat())
    status, body = await send(offline, data)
    beating.cancel()
    assert status == 201, body
    assert answered > 1
    status, body = await send(offline, b"\x89PNG\r\n\x1a\n" + bytes(26 * 1024 * 1024))
    assert (status, body["code"]) == (413, "too_large")
    assert "25 MiB" in body["error"]


async def test_what_is_no_card_is_refused_with_the_next_step(offline: Client):
    status, body = await send(offline, picture("PNG"))
    assert (status, body["code"]) == (400, "invalid_file")
    assert "download the original" in body["error"]
    status, body = await send(offline, b'{"name": "x", "first_mes": "hi", "cdl": "3.0", "voice": 3}', "x.json")
    assert (status, body["code"], body["problems"][0]["path"]) == (400, "invalid_character", "voice")
    assert (await offline.post("/api/characters/import", {}))[1]["code"] == "invalid_form"
    status, body = await post_form(offline, aiohttp.FormData({"name": "x"}, default_to_multipart=True))
    assert (status, body["code"]) == (400, "file_required")


async def test_a_drawn_avatar_is_there_before_any_picture(offline: Client):
    _, body = await offline.get("/api/characters/tamsin_vane")
    status, data, headers = await fetched(offline, body["character"]["avatar"].removeprefix("/api/characters"))
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert b"<svg" in data
    assert "immutable" in headers["Cache-Control"]
    status, data, _ = await fetched(offline, "/tamsin_vane/avatar", If_None_Match=headers["ETag"])
    assert (status, data) == (304, b"")


async def test_a_picture_is_put_cached_and_taken_away(offline: Client):
    path = offline.url + "/api/characters/assistant/avatar"
    before = (await offline.get("/api/characters/assistant"))[1]["character"]["avatar"]
    for form in ("JPEG", "WEBP", "GIF", "PNG"):
        async with offline.session.put(path, data=picture(form)) as response:
            assert response.status == 200, await response.text()
    after = (await offline.get("/api/characters/assistant"))[1]["character"]["avatar"]
    assert after != before
    for side in (64, 128, 256, 512):
        _, data, headers = await fetched(offline, f"/assistant/avatar?size={side}")
        assert opened(data).size == (side, side)
    async with offline.session.get(path, headers={"If-None-Match": headers["ETag"]}) as response:
        assert (response.status, await response.read()) == (304, b"")
    assert (await offline.get("/api/characters/assistant/avatar?size=65"))[1]["code"] == "invalid_field"
    async with offline.session.delete(path) as response:
        assert (await response.json())["character"]["avatar"] == before
    _, _, headers = await fetched(offline, "/assistant/avatar")
    assert headers["Content-Type"] == "image/svg+xml"


async def test_where_a_photograph_was_taken_stays_with_its_owner(offline: Client):
    exif = opened(picture("PNG")).getexif()
    exif[0x010E] = "at home in Elm Street"
    exif[0x0112] = 6  # lying on its side
    data = picture("JPEG", 400, 200, exif=exif.tobytes())
    assert b"Elm Street" in data
    async with offline.session.put(offline.url + "/api/characters/assistant/avatar", data=data) as response:
        assert response.status == 200
    for path in ("/assistant/avatar", "/assistant/export?format=png", "/assistant/export?format=charx"):
        _, out, _ = await fetched(offline, path)
        assert b"Elm Street" not in out
    _, out, _ = await fetched(offline, "/assistant/export?format=png")
    assert opened(out).size == (200, 400)


async def test_pictures_that_would_burst_memory_or_are_none_are_refused(offline: Client):
    bomb = picture("PNG", 9000, 9000)
    assert len(bomb) < 2 * 1024 * 1024
    for data, status in ((bomb, 413), (bytes(11 * 1024 * 1024), 413), (b"<svg/>", 400), (bomb[:2000], 413), (b"", 400)):
        path = offline.url + "/api/characters/assistant/avatar"
        async with offline.session.put(path, data=io.BytesIO(data)) as response:
            assert response.status == status
    cut = picture("JPEG")[:400]
    async with offline.session.put(offline.url + "/api/characters/assistant/avatar", data=cut) as response:
        assert (response.status, (await response.json())["code"]) == (400, "invalid_picture")


async def test_a_card_with_a_picture_that_cannot_be_shown_still_comes_in(offline: Client):
    status, body = await send(offline, card(picture("PNG", 9000, 7000)))
    assert status == 201, body
    assert "a drawn one is shown" in body["warnings"][0]
    _, _, headers = await fetched(offline, "/mira/avatar")
    assert headers["Content-Type"] == "image/svg+xml"
    _, data, _ = await fetched(offline, "/mira/export?format=png")
    assert opened(data).size == (9000, 7000)


async def test_a_picture_of_any_format_carries_the_card_and_a_new_one_takes_the_place_of_the_old(offline: Client):
    path = "assets/icon/images/main.jpg"
    assets = [{"type": "icon", "uri": f"embeded://{path}", "name": "main", "ext": "jpg"}]
    definition = parse({"cdl": "3.0", "name": "nia", "assets": assets})
    data = export_bytes(definition, "charx", None, {path: picture("JPEG", 300, 450)}).data
    assert (await send(offline, data, "nia.charx"))[0] == 201
    _, out, _ = await fetched(offline, "/nia/export?format=png")
    assert (opened(out).format, opened(out).size) == ("PNG", (300, 450))
    assert import_bytes(out).definition is not None
    new = picture("PNG", 200, 200, "#00ff00")
    async with offline.session.put(offline.url + "/api/characters/nia/avatar", data=new) as response:
        assert response.status == 200
    for form in ("charx", "png"):
        _, out, _ = await fetched(offline, f"/nia/export?format={form}")
        imported = import_bytes(out)
        assert imported.avatar is not None
        assert opened(imported.avatar).size == (200, 200)


async def test_a_picture_that_nothing_here_can_read_is_drawn_for_the_card(offline: Client):
    path = "assets/icon/images/main.avif"
    assets = [{"type": "icon", "uri": f"embeded://{path}", "name": "main", "ext": "avif"}]
    definition = parse({"cdl": "3.0", "name": "nia", "assets": assets})
    data = export_bytes(definition, "charx", None, {path: bytes(4) + b"ftypavif" + bytes(100)}).data
    status, body = await send(offline, data, "nia.charx")
    assert status == 201, body
    assert "a drawn one is shown" in body["warnings"][0]
    _, out, _ = await fetched(offline, "/nia/export?format=png")
    assert opened(out).size == (400, 600)
