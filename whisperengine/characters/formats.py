"""Every file format of characters, behind two functions: in and out. Both compute: call them in a thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from whisperengine.characters import avatar as drawing
from whisperengine.characters import cards, charx, legacy, png
from whisperengine.characters.definition import CDL_VERSION, Definition, parse
from whisperengine.characters.lorebook_files import read_book, read_world, write_book, write_world
from whisperengine.characters.lorebook_programs import is_agnai, is_risu, read_agnai, read_risu
from whisperengine.characters.mapping import ABSENT, KEPT, UNFIT, Lost, get, remove
from whisperengine.characters.schema import ordered
from whisperengine.characters.text_files import (
    InvalidFile,
    decode,
    read_json,
    read_yaml,
    storable,
    write_json,
    write_yaml,
)
from whisperengine.errors import RequestError

Format = Literal[
    "json", "yaml", "v1", "v2", "v3", "png", "charx", "yaml-2.0", "legacy-json", "lorebook", "world", "risu", "agnai"
]

MEDIA: dict[Format, tuple[str, str]] = {
    "json": ("application/json", ".cdl.json"),
    "yaml": ("application/yaml", ".cdl.yaml"),
    "v1": ("application/json", ".v1.json"),
    "v2": ("application/json", ".v2.json"),
    "v3": ("application/json", ".json"),
    "png": ("image/png", ".png"),
    "charx": ("application/zip", ".charx"),
    "yaml-2.0": ("application/yaml", "_complete.yaml"),
    "legacy-json": ("application/json", ".legacy.json"),
    "lorebook": ("application/json", ".lorebook.json"),
    "world": ("application/json", ".world.json"),
}
"""Format -> (media type, ending of the file name)."""

_ASSET_URI = "embeded://"  # spelt so in the specification
_PNG_ASSET_URI = "__asset:"
_ICON = "assets/icon/images/main."


@dataclass(frozen=True)
class Imported:
    """What a file held: a character, or a lorebook alone.

    `notes` are sentences for the person: what had no place, what was repaired or left out. `avatar` is the picture as
    it came, without a card in it; `assets` maps the paths of other files to their bytes.
    """

    format: Format
    definition: Definition | None
    lorebook: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    avatar: bytes | None = field(default=None, repr=False)
    avatar_type: str = ""
    assets: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Exported:
    data: bytes = field(repr=False)
    media_type: str
    filename: str
    notes: tuple[str, ...] = ()


def import_bytes(data: bytes, filename: str = "", *, trust_model: bool = False) -> Imported:
    """Read a file of any known format; its content decides, the name only helps to tell JSON from YAML.

    Unless `trust_model`, the endpoint and the key's name in the character's model settings are left out: a card from
    elsewhere must not be able to send talks and keys to an address of its choice. Nor may it free itself from saying
    that it is an AI. Raises InvalidFile (`invalid_file`),
    TooLargeError, or InvalidCharacter that lists every problem.
    """
    if not data.strip():
        raise InvalidFile("The file is empty. Choose the character's file and try again.")
    if png.is_png(data):
        return _import_png(data, trust_model)
    if charx.is_charx(data):
        return _import_charx(data, trust_model)
    text, notes = decode(data)
    return _import_value(_read_text(text, filename), notes, trust_model)


def _read_text(text: str, filename: str) -> Any:
    looks_like_json = text.lstrip()[:1] in ("{", "[")
    if filename.lower().endswith((".yaml", ".yml")) or not looks_like_json:
        return read_yaml(text)
    return read_json(text)


def _import_value(value: Any, notes: list[str], trust_model: bool) -> Imported:
    value, repaired = storable(value)
    if repaired:
        notes.append("Characters that cannot be stored (NUL or broken Unicode) were replaced by \ufffd.")
    if not isinstance(value, dict):
        raise InvalidFile("The file holds no character: its content is no object. Export the character again.")
    if version := cards.version_of(value):
        return _checked(version, cards.read_card(value, version, notes), notes, trust_model)
    if "cdl" in value:
        return _checked("json", value, notes, trust_model)
    if kind := legacy.kind_of(value):
        return _checked(kind, legacy.read_legacy(value, kind, notes), notes, trust_model)
    return _import_lorebook(value, notes)


def _checked(format: Format, document: dict[str, Any], notes: list[str], trust_model: bool) -> Imported:
    if not trust_model:
        for name in ("url", "client_type", "key_ref"):
            if get(document, ("model", name)) not in (ABSENT, None):
                remove(document, ("model", name))
                notes.append(
                    Lost(f"model.{name}", "was left out: where this character's talks go is for you to decide.")
                )
        # Files of WhisperEngine 1 are people's own characters, brought along.
        if format not in ("yaml-2.0", "legacy-json") and get(document, ("identity", "full_roleplay")) is True:
            remove(document, ("identity", "full_roleplay"))
            notes.append(
                Lost("identity.full_roleplay", "was left out: whether it may hide being an AI is for you to decide.")
            )
    return Imported(format, parse(document), notes=tuple(notes))


def _import_lorebook(value: dict[str, Any], notes: list[str]) -> Imported:
    dropped: list[str] = []
    wrapped = str(value.get("spec", "")).startswith("lorebook")
    format: Format = "lorebook"
    if wrapped:
        book = read_book(value.get("data"), dropped)
    elif is_risu(value):
        format, book = "risu", read_risu(value, dropped)
    elif is_agnai(value):
        format, book = "agnai", read_agnai(value, dropped)
    elif _is_world(value):
        format, book = "world", read_world(value, dropped)
    else:
        book = read_book(value, dropped) if "entries" in value else ABSENT
    if book is ABSENT:
        raise InvalidFile(
            "The file holds no character that is known. Known are CDL, Tavern cards (V1 to V3, JSON, PNG or CHARX), "
            "WhisperEngine 1 files, and lorebooks."
        )
    book.setdefault("extensions", {})[KEPT] = {"format": format, "document": value}
    notes += [Lost(path, UNFIT) for path in dropped]
    checked = parse({"cdl": CDL_VERSION, "name": "lorebook", "lorebook": book})
    return Imported(format, None, checked.lorebook, tuple(notes))


def _is_world(value: dict[str, Any]) -> bool:
    entries = value.get("entries")
    listed = list(entries.values()) if isinstance(entries, dict) else entries if isinstance(entries, list) else []
    return any(isinstance(entry, dict) and "key" in entry for entry in listed) or isinstance(entries, dict)


def _import_png(data: bytes, trust_model: bool) -> Imported:
    found = png.chunks(data)
    texts = dict(png.texts(data, found))
    notes: list[str] = []
    value = None
    for keyword in png.CARD_KEYWORDS:
        if keyword in texts:
            try:
                value = _card_in(texts[keyword], keyword, notes)
                break
            except RequestError:
                # A damaged version 3 card often has its version 2 copy beside it.
                if keyword == png.CARD_KEYWORDS[-1] or png.CARD_KEYWORDS[-1] not in texts:
                    raise
                notes.append(f"The card in {keyword} is damaged; the one in {png.CARD_KEYWORDS[-1]} was read instead.")
    if value is None:
        raise InvalidFile(
            "The picture holds no character card. Many sites strip it from previews: download the original."
        )
    imported = _import_value(value, notes, trust_model)
    assets = {
        keyword.removeprefix(png.ASSET_PREFIX).removeprefix(":"): png.unbase64(value, "An asset")
        for keyword, value in texts.items()
        if keyword.startswith(png.ASSET_PREFIX)
    }
    return Imported(
        "png",
        imported.definition,
        imported.lorebook,
        imported.notes,
        png.with_texts(data, {}, found),
        "image/png",
        assets,
    )


def _card_in(value: bytes, keyword: str, notes: list[str]) -> Any:
    # Some programs forget the base64.
    raw = value if value.lstrip()[:1] == b"{" else png.unbase64(value, f"The card in {keyword}")
    text, remarks = decode(raw)
    notes += remarks
    return read_json(text.rstrip("\0"))


def _import_charx(data: bytes, trust_model: bool) -> Imported:
    archive = charx.read_charx(data)
    text, notes = decode(archive.card)
    imported = _import_value(read_json(text), notes, trust_model)
    definition = imported.definition
    path = icon_path(definition.document if definition else {})
    picture = archive.files.get(path) or archive.front or None
    return Imported(
        "charx", definition, imported.lorebook, imported.notes, picture, _picture_type(picture), archive.files
    )


def icon_path(document: Mapping[str, Any]) -> str:
    """Path of the embedded file that is the character's main icon, or ""."""
    icons = [item for item in document.get("assets", ()) if item.get("type") == "icon"]
    icons.sort(key=lambda item: item.get("name") != "main")
    for item in icons:
        uri = item.get("uri", "")
        for prefix in (_ASSET_URI, "embedded://", _PNG_ASSET_URI):
            if uri.startswith(prefix):
                return uri.removeprefix(prefix)
    return ""


def _picture_type(picture: bytes | None) -> str:
    if not picture:
        return ""
    for start, name in ((png.SIGNATURE, "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif")):
        if picture.startswith(start):
            return f"image/{name}"
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if picture[4:12] in (b"ftypavif", b"ftypavis") else "application/octet-stream"


def export_bytes(
    definition: Definition, format: Format, avatar: bytes | None = None, assets: Mapping[str, bytes] | None = None
) -> Exported:
    """The character as a file. `avatar` is its picture (PNG for a PNG card; without one, one is drawn); `assets` as
    `Imported.assets`.

    `notes` of the result say what the format has no place for. Raises RequestError for an unknown format or a picture
    that is none.
    """
    if format not in MEDIA:
        raise RequestError(f"The format {format!r} is not known. Use one of {', '.join(MEDIA)}.", code="unknown_format")
    notes: list[str] = []
    files = dict(assets or {})
    if format == "png":
        data = _png(definition, avatar, files, notes)
    elif format == "charx":
        data = _charx(definition, avatar, files, notes)
    else:
        data = _text(definition, format, notes).encode()
        if files:
            notes.append(f"{len(files)} embedded files have no place in this format. Export as charx to keep them.")
    media_type, ending = MEDIA[format]
    return Exported(data, media_type, definition.name + ending, tuple(notes))


def _text(definition: Definition, format: Format, notes: list[str]) -> str:
    document = definition.document
    match format:
        case "json":
            return write_json(ordered(document))
        case "yaml":
            return write_yaml(ordered(document))
        case "v1" | "v2" | "v3":
            return write_json(cards.write_card(document, format, notes))
        case "yaml-2.0":
            return write_yaml(legacy.write_legacy(document, format, notes))
        case "legacy-json":
            return write_json(legacy.write_legacy(document, format, notes))
        case _:
            return write_json(export_lorebook(definition.lorebook, "world" if format == "world" else "lorebook"))


def export_lorebook(lorebook: Mapping[str, Any], format: Literal["lorebook", "world"]) -> dict[str, Any]:
    """A lorebook as a file of its own: version 3 (`lorebook`) or SillyTavern's (`world`)."""
    plain, kept = cards.without_original(lorebook)
    original = kept.get("document") if kept.get("format") == format else None
    original = original if isinstance(original, dict) else {}
    if format == "world":
        return write_world(plain, original)
    if original and "spec" not in original:
        return write_book(plain, original)
    return {**(original or {"spec": "lorebook_v3"}), "data": write_book(plain, original.get("data"))}


def _png(definition: Definition, avatar: bytes | None, files: dict[str, bytes], notes: list[str]) -> bytes:
    if avatar is not None and not png.is_png(avatar):
        notes.append("The avatar is no PNG picture, so one was drawn for the card.")
        avatar = None
    card = cards.write_card(definition.document, "v3", notes)
    _readdress(card, _ASSET_URI, _PNG_ASSET_URI, files)
    values = {
        "chara": json.dumps(cards.backfill(definition.document), ensure_ascii=False).encode(),
        "ccv3": json.dumps(card, ensure_ascii=False).encode(),
        **{f"{png.ASSET_PREFIX}:{path}": content for path, content in files.items()},
    }
    return png.with_texts(avatar or drawing.png(definition), values)


def _charx(definition: Definition, avatar: bytes | None, files: dict[str, bytes], notes: list[str]) -> bytes:
    card = cards.write_card(definition.document, "v3", notes)
    _readdress(card, _PNG_ASSET_URI, _ASSET_URI, files)
    if avatar is not None and not icon_path(definition.document):
        ending = _picture_type(avatar).removeprefix("image/")
        path = _ICON + ("png" if ending == "application/octet-stream" else ending)
        files[path] = avatar
        listed = definition.document.get("assets", ())
        card["data"]["assets"] = [
            item for item in listed if (item.get("type"), item.get("uri")) != ("icon", "ccdefault:")
        ] + [{"type": "icon", "uri": _ASSET_URI + path, "name": "main", "ext": path.rpartition(".")[2]}]
    return charx.write_charx(write_json(card).encode(), files)


def _readdress(card: dict[str, Any], old: str, new: str, files: Mapping[str, bytes]) -> None:
    listed = card["data"].get("assets")
    for item in listed if isinstance(listed, list) else ():
        uri = item.get("uri") if isinstance(item, dict) else None
        if isinstance(uri, str) and uri.startswith(old) and uri.removeprefix(old) in files:
            item["uri"] = new + uri.removeprefix(old)
