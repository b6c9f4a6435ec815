"""Lorebook files of RisuAI and memory books of Agnai: read, not written; both programs read the card specification's.

RisuAI: `exportLoreBook` in github.com/kwaroran/RisuAI, src/ts/process/lorebook.svelte.ts. Agnai: `MemoryBook` in
github.com/agnaistic/agnai, common/memory.ts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperengine.characters.lorebook_files import BOOK, ENTRY_SCHEMA, keys_of, read_entries
from whisperengine.characters.mapping import Rule, read, rule

_RISU = (
    rule("key", "keys", keys_of),
    rule("secondkey", "secondary_keys", keys_of),
    rule("insertorder", "insertion_order"),
    rule("alwaysActive", "constant"),
    rule("useRegex", "use_regex"),
    rule("activationPercent", "probability"),
    # Spelt so in RisuAI.
    rule("extentions.risu_case_sensitive", "case_sensitive"),
    *(rule(name, name) for name in ("comment", "content", "selective", "id")),
)
_AGNAI = (
    rule("keywords", "keys", keys_of),
    rule("secondaryKeys", "secondary_keys", keys_of),
    rule("entry", "content"),
    # What Agnai calls weight is the place; its priority is what stays when the budget is short.
    rule("weight", "insertion_order"),
    *(
        rule(name, name)
        for name in ("priority", "name", "comment", "enabled", "selective", "constant", "position", "id")
    ),
)
_AGNAI_BOOK = (
    rule("scanDepth", "scan_depth"),
    rule("tokenBudget", "token_budget"),
    rule("recursiveScanning", "recursive_scanning"),
    *BOOK,
)


def is_risu(value: Mapping[str, Any]) -> bool:
    return value.get("type") == "risu" and isinstance(value.get("data"), list)


def is_agnai(value: Mapping[str, Any]) -> bool:
    entries = value.get("entries")
    listed = entries if isinstance(entries, list) else []
    return value.get("kind") == "memory" or any(isinstance(item, dict) and "keywords" in item for item in listed)


def read_risu(value: Mapping[str, Any], dropped: list[str]) -> Any:
    """A `lorebook_export.json` as the `lorebook` of CDL. Its folders are not kept: they only sort the author's list."""
    entries = [item for item in value["data"] if not (isinstance(item, dict) and item.get("mode") == "folder")]
    return read_entries({"entries": entries}, (), _reader(_RISU), dropped)


def read_agnai(value: Mapping[str, Any], dropped: list[str]) -> Any:
    """A memory book as the `lorebook` of CDL."""
    return read_entries(value, _AGNAI_BOOK, _reader(_AGNAI), dropped)


def _reader(rules: tuple[Rule, ...]) -> Any:
    def reading(raw: Mapping[str, Any], dropped: list[str]) -> dict[str, Any]:
        entry = read(rules, raw, dropped, ENTRY_SCHEMA)
        if entry.get("enabled") is True:
            # What goes without saying stays out of the document.
            del entry["enabled"]
        return entry

    return reading
