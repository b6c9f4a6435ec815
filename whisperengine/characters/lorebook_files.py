"""Lorebooks of other programs: inside a card, in a file of their own (`lorebook_v3`), as a SillyTavern world."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whisperengine.characters.mapping import ABSENT, Rule, read, rule, schema_at, write

BOOK_SCHEMA = schema_at(("lorebook",))
ENTRY_SCHEMA = BOOK_SCHEMA["properties"]["entries"]["items"]

# SillyTavern's numbers, by the place in these lists.
_LOGIC = ("and_any", "not_all", "not_any", "and_all")
_ROLES = ("system", "user", "assistant")
_POSITIONS = ("before_char", "after_char", "before_note", "after_note", "at_depth", "before_examples", "after_examples")


def _numbered(names: Sequence[str]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def named(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return names[value] if 0 <= value < len(names) else ABSENT
        return value if value in names else ABSENT

    def number(value: Any, _before: Any) -> Any:
        return names.index(value) if value in names else ABSENT

    return named, number


def keys_of(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _unless(default: bool) -> Callable[[Any], Any]:
    # What goes without saying stays out of the document: cards must say it, authors need not.
    return lambda value: ABSENT if value is default else value


def _vectorized(value: Any) -> Any:
    return True if value is True else ABSENT


def _named_place(value: Any) -> Any:
    # A number here is SillyTavern's, which some programs write into this field too.
    return _numbered(_POSITIONS)[0](value) if isinstance(value, int) else value


def _first_two(value: Any, _before: Any) -> Any:
    """The only two places that the card specifications know."""
    return "before_char" if value in ("before_char", "before_desc") else "after_char"


def _inverted(value: Any, _before: Any = None) -> Any:
    return not value if isinstance(value, bool) else ABSENT


def _limit(value: Any) -> Any:
    # "No limit" is written as 0 by some and as null by others; both mean that the field is absent.
    return value or ABSENT


_EXTENSION_NAMES = {
    "probability": "probability",
    "sticky": "sticky",
    "cooldown": "cooldown",
    "delay": "delay",
    "depth": "depth",
    "scan_depth": "scan_depth",
    "match_whole_words": "match_whole_words",
    "exclude_recursion": "exclude_recursion",
    "prevent_recursion": "prevent_recursion",
    "delay_until_recursion": "delay_until_recursion",
    "group": "group",
    "group_weight": "group_weight",
    "group_override": "group_override",
    "ignore_budget": "ignore_budget",
}
_CARD_NAMES = ("content", "insertion_order", "constant", "selective")
_CARD_NOTES = ("name", "comment", "id", "priority", "case_sensitive")
_OURS = "extensions.whisperengine"
_LIFTED = {
    "whisperengine",
    "position",
    "selectiveLogic",
    "role",
    "vectorized",
    "case_sensitive",
    *_EXTENSION_NAMES.values(),
}

CARD_ENTRY = (
    rule("keys", "keys", keys_of),
    rule("secondary_keys", "secondary_keys", keys_of),
    *(rule(name, name) for name in (*_CARD_NAMES, *_CARD_NOTES)),
    rule("enabled", "enabled", _unless(True)),
    rule("use_regex", "use_regex", _unless(False)),
    rule("extensions.position", "position", *_numbered(_POSITIONS)),
    rule(f"{_OURS}.position", "position", str, lambda value, _: ABSENT if value in _POSITIONS else value),
    rule("position", "position", _named_place, _first_two),
    rule("extensions.selectiveLogic", "secondary_logic", *_numbered(_LOGIC)),
    rule("extensions.role", "role", *_numbered(_ROLES)),
    rule(f"{_OURS}.meaning", "meaning", lambda value: value, lambda value, _: ABSENT if value is True else value),
    rule("extensions.vectorized", "meaning", _vectorized),
    rule("extensions.case_sensitive", "case_sensitive"),
    *(rule(f"extensions.{theirs}", ours) for ours, theirs in _EXTENSION_NAMES.items()),
    rule(
        "extensions",
        "extensions",
        lambda value: _without_lifted(value),
        lambda value, there: _with_lifted(value, there),
    ),
)

WORLD_ENTRY = (
    rule("key", "keys", keys_of),
    rule("keysecondary", "secondary_keys", keys_of),
    rule("order", "insertion_order"),
    rule("disable", "enabled", _inverted, _inverted),
    rule("uid", "id"),
    *(
        rule(name, name)
        for name in ("content", "constant", "selective", "comment", "probability", "sticky", "cooldown")
    ),
    *(rule(name, name) for name in ("delay", "depth", "group")),
    rule("position", "position", *_numbered(_POSITIONS)),
    rule("selectiveLogic", "secondary_logic", *_numbered(_LOGIC)),
    rule("role", "role", *_numbered(_ROLES)),
    rule("vectorized", "meaning", _vectorized, lambda value, _: bool(value)),
    rule("caseSensitive", "case_sensitive"),
    rule("matchWholeWords", "match_whole_words"),
    rule("scanDepth", "scan_depth"),
    rule("excludeRecursion", "exclude_recursion"),
    rule("preventRecursion", "prevent_recursion"),
    rule("delayUntilRecursion", "delay_until_recursion"),
    rule("groupWeight", "group_weight"),
    rule("groupOverride", "group_override"),
    rule("ignoreBudget", "ignore_budget"),
    rule("extensions", "extensions"),
)

BOOK = (
    rule("name", "name"),
    rule("description", "description"),
    rule("scan_depth", "scan_depth"),
    rule("token_budget", "token_budget", _limit),
    rule("recursive_scanning", "recursive_scanning"),
    rule("extensions", "extensions"),
)

_CARD_DEFAULTS = {
    "keys": [],
    "content": "",
    "extensions": {},
    "enabled": True,
    "insertion_order": 100,
    "use_regex": False,
}
_WORLD_DEFAULTS = {
    "key": [],
    "keysecondary": [],
    "comment": "",
    "content": "",
    "constant": False,
    "vectorized": False,
    "selective": False,
    "selectiveLogic": 0,
    "addMemo": True,
    "order": 100,
    "position": 0,
    "disable": False,
    "excludeRecursion": False,
    "preventRecursion": False,
    "delayUntilRecursion": False,
    "probability": 100,
    "useProbability": True,
    "depth": 4,
}


def read_book(raw: Any, dropped: list[str]) -> Any:
    """A card's `character_book`, or the `data` of a `lorebook_v3` file, as the `lorebook` of CDL; ABSENT when it is
    none.
    """
    return read_entries(raw, BOOK, read_card_entry, dropped)


def write_book(book: Mapping[str, Any], original: Any) -> dict[str, Any]:
    """The lorebook as a card's `character_book`; entries that did not change stand as they stood in `original`."""
    base = original if isinstance(original, dict) else {}
    result = _write_head(book, base)
    entries = book.get("entries", [])
    raws = _listed(base.get("entries"))
    result["entries"] = [
        _write_card_entry(entry, raw)
        for entry, raw in zip(entries, _bases(entries, raws, read_card_entry), strict=True)
    ]
    if not base:
        result.setdefault("extensions", {})
    return result


def read_world(raw: Any, dropped: list[str]) -> Any:
    """A SillyTavern world file as the `lorebook` of CDL; ABSENT when it is none."""
    return read_entries(raw, BOOK, read_world_entry, dropped)


def write_world(book: Mapping[str, Any], original: Any) -> dict[str, Any]:
    """The lorebook as a SillyTavern world file."""
    base = original if isinstance(original, dict) else {}
    result = _write_head(book, base)
    entries = book.get("entries", [])
    raw_entries = base.get("entries")
    raws = _listed(raw_entries)
    names = list(raw_entries) if isinstance(raw_entries, dict) else [str(place) for place in range(len(raws))]
    named = {id(raw): name for raw, name in zip(raws, names, strict=False)}
    taken = set(names)
    free = (str(number) for number in range(len(entries) + len(names)) if str(number) not in taken)
    written = {}
    for entry, raw in zip(entries, _bases(entries, raws, read_world_entry), strict=True):
        name = named.get(id(raw)) or next(free)
        written[name] = _write_entry(WORLD_ENTRY, entry, raw, read_world_entry(raw, []))
        if not raw:
            number = int(name)
            written[name] = {"uid": number, "displayIndex": number, **_WORLD_DEFAULTS, **written[name]}
    result["entries"] = list(written.values()) if isinstance(raw_entries, list) else written
    return result


def read_card_entry(raw: Mapping[str, Any], dropped: list[str]) -> dict[str, Any]:
    entry = read(CARD_ENTRY, raw, dropped, ENTRY_SCHEMA)
    extensions = raw.get("extensions")
    if isinstance(extensions, dict):
        if extensions.get("useProbability") is False:
            entry.pop("probability", None)
        elif "useProbability" in extensions and "extensions" in entry:
            entry["extensions"] = {name: item for name, item in entry["extensions"].items() if name != "useProbability"}
            if not entry["extensions"]:
                del entry["extensions"]
        # SillyTavern sets use_regex on every entry that it writes, and means only keys of the form /.../.
        if entry.get("use_regex") and ("selectiveLogic" in extensions or "display_index" in extensions):
            entry.pop("use_regex")
    return entry


def read_world_entry(raw: Mapping[str, Any], dropped: list[str]) -> dict[str, Any]:
    entry = read(WORLD_ENTRY, raw, dropped, ENTRY_SCHEMA)
    if raw.get("useProbability") is False:
        entry.pop("probability", None)
    return entry


def read_entries(raw: Any, head: Sequence[Rule], read_entry: Callable[..., dict[str, Any]], dropped: list[str]) -> Any:
    """A book of any form: `head` are the rules of what it says beside its entries. ABSENT when it is none."""
    if not isinstance(raw, dict) or not raw:
        return ABSENT
    book = read(head, raw, dropped, BOOK_SCHEMA)
    entries = []
    for place, item in enumerate(_listed(raw.get("entries"))):
        if isinstance(item, dict):
            lost: list[str] = []
            entries.append(read_entry(item, lost))
            dropped += [f"lorebook entry {place + 1}: {path}" for path in lost]
        else:
            dropped.append(f"lorebook entry {place + 1}")
    return {**book, "entries": entries} if isinstance(raw.get("entries"), (list, dict)) or book else ABSENT


def _listed(entries: Any) -> list[Any]:
    return list(entries.values()) if isinstance(entries, dict) else entries if isinstance(entries, list) else []


def _write_head(book: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    head = {name: value for name, value in base.items() if name != "entries"}
    return write(BOOK, book, head, read(BOOK, head, [], BOOK_SCHEMA))


def _bases(
    entries: Sequence[Mapping[str, Any]], raws: Sequence[Any], read_entry: Callable[..., dict[str, Any]]
) -> list[dict[str, Any]]:
    """For each entry the raw one that it was read from: the one that reads the same, else the one with the same id,
    else {}.
    """
    unused = {place: raw for place, raw in enumerate(raws) if isinstance(raw, dict)}
    by_content: dict[str, list[int]] = {}
    by_id: dict[Any, int] = {}
    for place, raw in reversed(unused.items()):
        entry = read_entry(raw, [])
        by_content.setdefault(json.dumps(entry, sort_keys=True), []).append(place)
        if "id" in entry:
            by_id[entry["id"]] = place
    found: list[dict[str, Any]] = []
    for entry in entries:
        same = by_content.get(json.dumps(entry, sort_keys=True))
        found.append(unused.pop(same.pop(), {}) if same else {})
    for place, entry in enumerate(entries):
        if not found[place] and entry.get("id") in by_id:
            found[place] = unused.pop(by_id[entry["id"]], {})
    return found


def _write_card_entry(entry: Mapping[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    result = _write_entry(CARD_ENTRY, entry, raw, read_card_entry(raw, []))
    extensions = result.get("extensions")
    if "probability" in entry and isinstance(extensions, dict) and "probability" in extensions:
        extensions.setdefault("useProbability", True)
    if not raw:
        result = {**_CARD_DEFAULTS, **result}
        if "position" in entry:
            result.setdefault("position", _first_two(entry["position"], None))
    return result


def _write_entry(
    rules: Sequence[Rule], entry: Mapping[str, Any], raw: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    # Extensions count as there even when empty: an entry without any must still be able to take out what was there.
    return write(rules, {"extensions": {}, **entry}, raw, {"extensions": {}, **before})


def _without_lifted(value: Any) -> Any:
    if not isinstance(value, dict):
        return ABSENT
    return {name: item for name, item in value.items() if name not in _LIFTED} or ABSENT


def _with_lifted(value: Any, there: Any) -> Any:
    lifted = {name: item for name, item in there.items() if name in _LIFTED} if isinstance(there, dict) else {}
    return {**value, **lifted} or ABSENT


def without_decorators(book: Any) -> Any:
    """A card's book for programs that do not know decorators, which would show them to the model."""
    entries = book.get("entries") if isinstance(book, dict) else None
    return {**book, "entries": [_undecorated(entry) for entry in entries]} if isinstance(entries, list) else book


def _undecorated(entry: Any) -> Any:
    content = entry.get("content") if isinstance(entry, dict) else None
    if not isinstance(content, str) or not content.startswith("@@"):
        return entry
    return {**entry, "content": "\n".join(line for line in content.split("\n") if not line.startswith("@@")).strip()}
