"""Character cards, versions 1 to 3, as JSON objects: `chara_card_v2` and `chara_card_v3`, and the flat object before
them.

Version 3: github.com/kwaroran/character-card-spec-v3; version 2: github.com/malfoyslastname/character-card-spec-v2.
What a card has no place for travels in its `extensions` under `whisperengine`, so that a character that comes back
from another program is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from whisperengine.characters.definition import CDL_VERSION, slug
from whisperengine.characters.lorebook_files import read_book, without_decorators, write_book
from whisperengine.characters.mapping import (
    ABSENT,
    KEPT,
    UNFIT,
    UNKNOWN,
    Lost,
    Rule,
    equal,
    get,
    paths_in,
    put,
    read,
    remove,
    rule,
    unplaced,
    write,
)

Version = Literal["v1", "v2", "v3"]

OWN = "whisperengine"
"""Key under a card's `extensions` for what only CDL can say: {"cdl": part of a document}."""

BACKFILLED = (
    "This character card is Character Card V3, but it is loaded as a Character Card V2. Please use a Character Card V3 "
    "compatible application to use this character card properly."
)

_V1_NAMES = {
    "name": "identity.full_name",
    "description": "identity.description",
    "personality": "personality.summary",
    "scenario": "conversation.scenario",
    "first_mes": "conversation.greeting",
    "mes_example": "conversation.example_dialogues",
}
# The names that Pygmalion, TextGen and early Agnai files use.
_V1_OLD_NAMES = {
    "char_name": "identity.full_name",
    "char_persona": "identity.description",
    "world_scenario": "conversation.scenario",
    "char_greeting": "conversation.greeting",
    "example_dialogue": "conversation.example_dialogues",
}
_V2_NAMES = {
    "system_prompt": "conversation.system_prompt",
    "post_history_instructions": "conversation.post_history_instructions",
    "alternate_greetings": "conversation.alternate_greetings",
    "creator": "about.creator",
    "creator_notes": "about.creator_notes",
    "character_version": "about.version",
}
_V3_NAMES = {
    "nickname": "identity.nickname",
    "group_only_greetings": "conversation.group_greetings",
    "creator_notes_multilingual": "about.creator_notes_multilingual",
    "source": "about.source",
    "creation_date": "about.created",
    "modification_date": "about.modified",
    "assets": "assets",
}
# Copies and settings that SillyTavern keeps at the top of a card; nothing is lost by not reading them.
_SILLYTAVERN_TOP = {"creatorcomment", "avatar", "chat", "talkativeness", "fav", "create_date", "tags"}
_LIFTED = {OWN, KEPT, "depth_prompt", "talkativeness"}


def _tags(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _read_note(value: Any) -> Any:
    if not isinstance(value, dict) or not value.get("prompt"):
        return ABSENT
    return {"text": value["prompt"], **{name: value[name] for name in ("depth", "role") if name in value}}


def _write_note(value: Mapping[str, Any], _there: Any) -> Any:
    return {"prompt": value["text"], **{name: value[name] for name in ("depth", "role") if name in value}}


def _read_extensions(value: Any) -> Any:
    if not isinstance(value, dict):
        return ABSENT
    return {name: item for name, item in value.items() if name not in _LIFTED} or ABSENT


def _write_extensions(value: Mapping[str, Any], there: Any) -> Any:
    lifted = {name: item for name, item in there.items() if name in _LIFTED} if isinstance(there, dict) else {}
    return {**value, **lifted}


def _v2_rules(names: Mapping[str, str]) -> tuple[Rule, ...]:
    return (
        *(rule(f"data.{theirs}", ours) for theirs, ours in names.items()),
        rule("data.tags", "about.tags", _tags),
        rule("data.character_book", "lorebook"),
        rule("data.extensions.depth_prompt", "conversation.depth_prompt", _read_note, _write_note),
        rule("data.extensions.talkativeness", "about.talkativeness"),
        rule("data.extensions", "extensions", _read_extensions, _write_extensions),
        # Many programs repeat the fields of version 1 at the top.
        *(rule(theirs, ours) for theirs, ours in _V1_NAMES.items()),
    )


RULES: dict[Version, tuple[Rule, ...]] = {
    "v1": tuple(rule(theirs, ours) for theirs, ours in (_V1_NAMES | _V1_OLD_NAMES).items()),
    "v2": _v2_rules(_V1_NAMES | _V2_NAMES),
    "v3": _v2_rules(_V1_NAMES | _V2_NAMES | _V3_NAMES),
}
_REQUIRED: dict[Version, dict[str, Any]] = {"v1": dict.fromkeys(_V1_NAMES, "")}
_REQUIRED["v2"] = {
    **_REQUIRED["v1"],
    **dict.fromkeys(_V2_NAMES, ""),
    "alternate_greetings": [],
    "tags": [],
    "extensions": {},
}
_REQUIRED["v3"] = {**_REQUIRED["v2"], "group_only_greetings": []}


def version_of(value: Any) -> Version | None:
    """Which version of card a JSON value is, or None when it is no card."""
    if not isinstance(value, dict) or "cdl" in value:
        return None
    data = value.get("data")
    if isinstance(data, dict) and (value.get("spec") or isinstance(data.get("name"), str)):
        if str(value.get("spec", "")).startswith("lorebook"):
            return None
        return "v3" if value.get("spec") == "chara_card_v3" or _number(value.get("spec_version")) >= 3 else "v2"
    named = isinstance(value.get("name"), str) or isinstance(value.get("char_name"), str)
    told = {*_V1_NAMES, *_V1_OLD_NAMES} - {"name", "char_name", "description"}
    return "v1" if named and any(isinstance(value.get(name), str) for name in told) else None


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def read_card(card: Mapping[str, Any], version: Version, notes: list[str]) -> dict[str, Any]:
    """The card as a CDL document, unchecked; the card itself is kept under `extensions`. What had no place is told in
    `notes`.
    """
    dropped: list[str] = []
    document = _mapped(card, version, dropped)
    own = get(card, ("data", "extensions", OWN, "cdl"))
    if isinstance(own, dict):
        document = _merged(own, document)
    document["cdl"] = CDL_VERSION
    if not isinstance(document.get("name"), str):
        document["name"] = name_for(document)
    put(document, ("extensions", KEPT), {"format": version, "document": dict(card)})
    notes += [Lost(path, UNFIT) for path in dropped]
    notes += [Lost(path, UNKNOWN) for path in _unknown(card, version)]
    if version == "v3" and _number(card.get("spec_version")) > 3:
        notes.append(f"The card is of version {card.get('spec_version')}; what is newer than 3.0 is kept but not used.")
    return document


def write_card(document: Mapping[str, Any], version: Version, notes: list[str], *, own: bool = True) -> dict[str, Any]:
    """The definition as a card. A field that did not change since it was imported stands as it stood in the imported
    card.

    What the card has no place for goes to `extensions.whisperengine` (not with `own=False`, and never in version 1)
    and is told in `notes`.
    """
    document, kept = without_original(document)
    original, fresh = _base(kept, version)
    before = _mapped(original, version, []) if original else {}
    book = get(document, ("lorebook",))
    rules = [item for item in RULES[version] if item.ours != ("lorebook",)]
    card = write(rules, {"extensions": {}, **document}, original, {"extensions": {}, **before})
    data = card.setdefault("data", {}) if version != "v1" else card
    if version != "v1":
        _put_book(data, book, ABSENT if fresh else before.get("lorebook", ABSENT), original)
    for name, empty in _REQUIRED[version].items():
        if fresh or get(original, ("data", name) if version != "v1" else (name,)) is not ABSENT:
            data.setdefault(name, type(empty)())
    rest = unplaced(RULES[version], document)
    rest.pop("cdl", None)
    if rest.get("name") == name_for(document):
        rest.pop("name")
    if rest and version != "v1" and own:
        if not equal(get(data, ("extensions", OWN, "cdl")), rest):
            put(data, ("extensions", OWN, "cdl"), rest)
        notes.append(
            f"Only in extensions.{OWN}, which other programs keep but do not use: {', '.join(paths_in(rest))}."
        )
    else:
        remove(data, ("extensions", OWN))
        if rest and own:
            notes.append(f"No place in this format, and not in the file: {', '.join(paths_in(rest))}.")
        if fresh and version != "v1":
            data.setdefault("extensions", {})
    if version == "v1" or not fresh:
        return card
    return {"spec": f"chara_card_{version}", "spec_version": "2.0" if version == "v2" else "3.0", **card}


def backfill(document: Mapping[str, Any]) -> dict[str, Any]:
    """The version 2 card that stands beside a version 3 one for older programs, with the warning that the
    specification asks for.
    """
    card = write_card(document, "v2", [], own=False)
    notes = get(document, ("about", "creator_notes"))
    card["data"]["creator_notes"] = BACKFILLED if notes is ABSENT else f"{notes}\n\n{BACKFILLED}"
    if "character_book" in card["data"]:
        card["data"]["character_book"] = without_decorators(card["data"]["character_book"])
    return card


def name_for(document: Mapping[str, Any]) -> str:
    """The slug that a document without a `name` gets: from its full name."""
    title = get(document, ("identity", "full_name"))
    return slug("character" if title is ABSENT else title)


def without_original(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document without the copy of what it was imported from, and that copy ({} when there is none)."""
    extensions = document.get("extensions")
    if not isinstance(extensions, dict) or KEPT not in extensions:
        return dict(document), {}
    rest = {name: value for name, value in extensions.items() if name != KEPT}
    plain = {name: value for name, value in document.items() if name != "extensions"}
    kept = extensions[KEPT]
    return (plain | {"extensions": rest} if rest else plain), kept if isinstance(kept, dict) else {}


def _mapped(card: Mapping[str, Any], version: Version, dropped: list[str]) -> dict[str, Any]:
    document = read([item for item in RULES[version] if item.ours != ("lorebook",)], card, dropped)
    if version != "v1":
        book = read_book(get(card, ("data", "character_book")), dropped)
        if book is not ABSENT:
            document["lorebook"] = book
    return document


def _base(kept: Mapping[str, Any], version: Version) -> tuple[dict[str, Any], bool]:
    """The card to start writing from, and whether it is none of this version."""
    format, original = kept.get("format"), kept.get("document")
    # The copy may have been tampered with: what it says it is must be what it is.
    if not isinstance(original, dict) or format not in ("v1", "v2", "v3") or version_of(original) != format:
        return {}, True
    if format == version:
        return original, False
    if "v1" in (format, version):
        return {}, True
    names = {*_V1_NAMES, *_V2_NAMES, "tags", "character_book", "extensions"}
    if version == "v3":
        return {"data": original["data"]}, True
    return {"data": {name: value for name, value in original["data"].items() if name in names}}, True


def _put_book(data: dict[str, Any], book: Any, before: Any, original: Mapping[str, Any]) -> None:
    there = get(original, ("data", "character_book"))
    if equal(book, before):
        return
    if book is ABSENT:
        data.pop("character_book", None)
    else:
        data["character_book"] = write_book(book, there)


def _merged(below: Any, above: Any) -> Any:
    """Two documents as one; where both speak, `above` counts."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{name: _merged(below.get(name), item) for name, item in above.items()}}
    return above


def _unknown(card: Mapping[str, Any], version: Version) -> list[str]:
    known = {item.foreign[1] if item.foreign[0] == "data" else item.foreign[0] for item in RULES[version]}
    if version == "v1":
        return [name for name in card if name not in known]
    head = [name for name in card if name not in known | _SILLYTAVERN_TOP | {"spec", "spec_version", "data"}]
    data = card.get("data")
    return head + [f"data.{name}" for name in (data if isinstance(data, dict) else ()) if name not in known]
