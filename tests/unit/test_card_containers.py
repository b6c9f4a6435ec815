from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from xml.etree import ElementTree

import pytest

from tests.support.card_samples import V2, V3
from whisperengine.characters import avatar, charx, png, store
from whisperengine.characters.definition import parse
from whisperengine.characters.formats import export_bytes, import_bytes
from whisperengine.characters.png import SIGNATURE, chunk_bytes, text_chunk
from whisperengine.characters.text_files import InvalidFile
from whisperengine.errors import TooLargeError

HEADER = chunk_bytes(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
PIXELS = chunk_bytes(b"IDAT", zlib.compress(b"\0\0"))
END = chunk_bytes(b"IEND", b"")


def picture(*middle: bytes) -> bytes:
    return SIGNATURE + HEADER + b"".join(middle) + PIXELS + END


def encoded(value: object) -> bytes:
    return base64.b64encode(json.dumps(value).encode())


def zipped(files: dict[str, bytes], **options: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:  # type: ignore[arg-type]
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


CARD = json.dumps(V3).encode()


def test_the_version_3_card_counts_when_there_are_two():
    newer = {**V3, "data": {**V3["data"], "name": "Newer"}}
    middle = text_chunk("chara", encoded(V2)), text_chunk("ccv3", encoded(newer))
    for chunks in (middle, middle[::-1]):
        definition = import_bytes(picture(*chunks)).definition
        assert definition is not None
        assert definition.full_name == "Newer"


def test_a_card_is_found_in_every_kind_of_text_chunk():
    value = encoded(V2)
    chunks = [
        text_chunk("chara", value),
        text_chunk("Chara", value),
        chunk_bytes(b"zTXt", b"chara\0\0" + zlib.compress(value)),
        chunk_bytes(b"iTXt", b"chara\0\0\0en\0Charakter\0" + value),
        chunk_bytes(b"iTXt", b"chara\0\1\0\0\0" + zlib.compress(value)),
        text_chunk("chara", json.dumps(V2).encode()),
        text_chunk("chara", base64.urlsafe_b64encode(json.dumps(V2).encode()).rstrip(b"=")),
        text_chunk("chara", b"\n".join(value[place : place + 76] for place in range(0, len(value), 76)) + b"\r\n"),
        text_chunk("chara", base64.b64encode(json.dumps(V2).encode("utf-8-sig"))),
    ]
    for chunk in chunks:
        definition = import_bytes(picture(text_chunk("Software", b"something"), chunk)).definition
        assert definition is not None
        assert definition.full_name == "Mira"


def test_a_damaged_version_3_card_gives_way_to_its_version_2_copy():
    imported = import_bytes(picture(text_chunk("ccv3", b"%%%"), text_chunk("chara", encoded(V2))))
    assert imported.definition is not None
    assert any("damaged" in note for note in imported.notes)


def test_the_avatar_is_the_picture_without_the_card():
    other = text_chunk("Software", b"painted by hand")
    imported = import_bytes(picture(text_chunk("chara", encoded(V2)), other))
    assert imported.avatar == picture(other)
    assert imported.avatar_type == "image/png"


def test_animated_pictures_keep_every_frame():
    frames = chunk_bytes(b"acTL", struct.pack(">II", 2, 0)) + chunk_bytes(b"fdAT", b"\0\0\0\2" + zlib.compress(b"\0\1"))
    imported = import_bytes(picture(frames, text_chunk("ccv3", encoded(V3))))
    assert imported.definition is not None
    assert imported.avatar == picture(frames)
    again = export_bytes(imported.definition, "png", imported.avatar).data
    assert frames in again
    assert import_bytes(again).avatar == imported.avatar


def test_exporting_twice_does_not_pile_up_cards():
    imported = import_bytes(
        picture(text_chunk("chara", encoded(V2)), chunk_bytes(b"zTXt", b"ccv3\0\0" + zlib.compress(encoded(V3))))
    )
    assert imported.definition is not None
    once = export_bytes(imported.definition, "png", imported.avatar).data
    twice = export_bytes(imported.definition, "png", once).data
    assert twice == once
    assert [keyword for keyword, _ in png.texts(once, png.chunks(once))] == ["chara", "ccv3"]


def test_assets_in_a_png_come_in_and_go_out():
    assets = {"assets/emotion/images/joy.png": b"\x89joy", "späth/ä.bin": bytes(range(256))}
    imported = import_bytes(picture(text_chunk("ccv3", encoded(V3))))
    assert imported.definition is not None
    again = import_bytes(export_bytes(imported.definition, "png", assets=assets).data)
    assert again.assets == assets
    moved = import_bytes(export_bytes(imported.definition, "charx", assets=assets).data)
    assert {path: moved.assets[path] for path in assets} == assets


def test_assets_of_older_cards_are_named_without_a_colon():
    asset = text_chunk("chara-ext-asset_0", base64.b64encode(b"joy"))
    assert import_bytes(picture(text_chunk("ccv3", encoded(V3)), asset)).assets == {"0": b"joy"}


def test_what_follows_the_end_of_a_picture_is_ignored():
    imported = import_bytes(picture(text_chunk("chara", encoded(V2))) + b"trailing")
    assert imported.avatar == picture()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (SIGNATURE, "ends in the middle"),
        (SIGNATURE + HEADER, "ends in the middle"),
        (picture()[:-1], "more than the file has|ends in the middle"),
        (SIGNATURE + PIXELS + END, "does not begin with a header"),
        (SIGNATURE + HEADER[:-1] + b"\0" + END, "wrong checksum"),
        (picture(struct.pack(">I", 2**31) + b"tEXtchara\0"), "claims 2,147,483,648 bytes"),
        (picture(b"\0\0\0\0\0\0\0\0\0\0\0\0"), "without a valid name"),
        (picture(), "holds no character card"),
        (picture(text_chunk("chara", b"!!!")), "is not base64"),
        (picture(text_chunk("chara", base64.b64encode(b"{broken"))), "not valid JSON"),
        (picture(chunk_bytes(b"zTXt", b"chara\0\0not packed")), "cannot be unpacked"),
        (picture(chunk_bytes(b"zTXt", b"chara\0\0" + zlib.compress(encoded(V2))[:-9])), "cut off"),
        (picture(chunk_bytes(b"iTXt", b"chara\0\0")), "cut off"),
    ],
)
def test_a_broken_picture_is_refused_with_the_reason(data, told):
    with pytest.raises(InvalidFile, match=told):
        import_bytes(data)


@pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 0), (16_385, 1), (9_000, 9_000), (2**32 - 1, 2**32 - 1)])
def test_a_picture_of_impossible_size_is_refused(width, height):
    header = chunk_bytes(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    with pytest.raises(TooLargeError, match="Scale it down"):
        png.chunks(SIGNATURE + header + PIXELS + END)


def test_a_charx_file_comes_in_and_goes_out_whole():
    icon = {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}
    card = {**V3, "data": {**V3["data"], "assets": [icon]}}
    files = {
        "card.json": json.dumps(card).encode(),
        "assets/icon/images/main.png": picture(),
        "assets/other/audio/a.mp3": b"sound",
        "module.risum": b"\0\1",
    }
    imported = import_bytes(zipped(files))
    assert imported.definition is not None
    assert (imported.avatar, imported.avatar_type) == (picture(), "image/png")
    with zipfile.ZipFile(
        io.BytesIO(export_bytes(imported.definition, "charx", imported.avatar, imported.assets).data)
    ) as again:
        assert json.loads(again.read("card.json")) == card
        assert {name: again.read(name) for name in again.namelist() if name != "card.json"} == {
            name: content for name, content in files.items() if name != "card.json"
        }


def test_an_avatar_becomes_the_main_icon_of_a_charx_file():
    (mira,) = [item for item in store.builtin() if item.name == "mira_okafor"]
    imported = import_bytes(export_bytes(mira, "charx", b"\xff\xd8\xff\xe0jpeg").data)
    assert imported.avatar_type == "image/jpeg"
    assert list(imported.assets) == ["assets/icon/images/main.jpeg"]


def test_a_charx_file_behind_a_jpeg_is_read():
    imported = import_bytes(b"\xff\xd8\xff\xe0 a picture \xff\xd9" + zipped({"card.json": CARD}))
    assert imported.definition is not None
    assert imported.avatar == b"\xff\xd8\xff\xe0 a picture \xff\xd9"
    assert imported.avatar_type == "image/jpeg"


def test_the_same_character_always_gives_the_same_charx_file():
    (mira,) = [item for item in store.builtin() if item.name == "mira_okafor"]
    assert export_bytes(mira, "charx").data == export_bytes(mira, "charx").data


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a\\b", "C:/x", "a\x00b", "a\nb", "a/ b", "x" * 600, "a/", "."],
)
def test_paths_that_could_lead_outside_are_refused(path):
    with pytest.raises(InvalidFile, match="is not allowed"):
        charx.check_path(path)


def test_tricks_with_paths_in_a_charx_file_are_refused():
    for path in ("../../etc/cron.d/x", "/tmp/x", "a\\..\\x"):
        with pytest.raises(InvalidFile, match="is not allowed"):
            import_bytes(zipped({"card.json": CARD, path: b"x"}))
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("card.json", CARD)
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InvalidFile, match="holds a link"):
        import_bytes(out.getvalue())


def flipped(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """`data` with the bytes at `offset` behind every `mark` overwritten."""
    changed = bytearray(data)
    place = data.find(mark)
    while place >= 0:
        changed[place + offset : place + offset + len(value)] = value
        place = data.find(mark, place + 1)
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (zipped({"other.json": CARD}), "no card.json"),
        (zipped({"card.json": CARD})[:-30], "cut off"),
        (b"PK\x03\x04" + b"\0" * 100, "cut off"),
        (zipped({"card.json": b"{"}), "not valid JSON"),
        (flipped(zipped({"card.json": CARD}), b"PK\x01\x02", 8, b"\x01\x00"), "encrypted"),
        (flipped(zipped({"card.json": CARD}), b"PK\x01\x02", 10, b"\x0e\x00"), "packed in a way"),
        (flipped(zipped({"card.json": CARD}), b"PK\x01\x02", 16, b"\0\0\0\0"), "damaged"),
        (flipped(zipped({"card.json": CARD}), b"PK\x01\x02", 42, b"\xff\xff\xff\x0f"), "damaged"),
    ],
)
def test_a_broken_charx_file_is_refused_with_the_reason(data, told):
    with pytest.raises(InvalidFile, match=told):
        import_bytes(data)


def test_a_charx_file_with_one_path_twice_is_refused():
    twice = zipped({"card.json": CARD, "assets/a": b"1", "assets/b": b"2"}).replace(b"assets/b", b"assets/a")
    with pytest.raises(InvalidFile, match="twice"):
        import_bytes(twice)


def test_a_charx_file_of_very_many_files_is_refused_before_its_directory_is_read():
    lying = flipped(zipped({"card.json": CARD}), b"PK\x05\x06", 10, struct.pack("<H", 60_000))
    with pytest.raises(TooLargeError, match="60,000 files"):
        import_bytes(lying)
    with pytest.raises(TooLargeError, match="ZIP64"):
        import_bytes(flipped(zipped({"card.json": CARD}), b"PK\x05\x06", 10, b"\xff\xff"))


def test_the_shipped_characters_have_pictures_of_their_own():
    drawn = {avatar.svg(definition) for definition in store.builtin()}
    assert len(drawn) == len(list(store.builtin()))
    for definition in store.builtin():
        assert avatar.svg(definition) == avatar.svg(definition)
        assert ElementTree.fromstring(avatar.svg(definition)).get("aria-label") == definition.text("avatar.alt")
        assert png.chunks(avatar.png(definition))[0].type == b"IHDR"


def test_texts_in_a_drawn_picture_cannot_break_out_of_it():
    definition = parse({"cdl": "3.0", "name": "odd", "identity": {"full_name": '<"&> <script>'}})
    drawn = ElementTree.fromstring(avatar.svg(definition))
    assert drawn.get("aria-label") == '<"&> <script>'
    assert "<script" not in avatar.svg(definition)
