"""Lorebook files of other programs come in with what their entries say."""

from __future__ import annotations

import json

import pytest

from whisperengine.characters.formats import import_bytes

RISU = {
    "type": "risu",
    "ver": 1,
    "data": [
        {"key": "", "comment": "Coast", "mode": "folder", "content": "", "insertorder": 100, "id": "f"},
        {
            "key": "seal, pup",
            "secondkey": "november",
            "insertorder": 90,
            "comment": "Seals",
            "content": "Grey seals pup in November.",
            "mode": "normal",
            "alwaysActive": False,
            "selective": True,
            "extentions": {"risu_case_sensitive": True},
            "activationPercent": 50,
            "useRegex": False,
            "folder": "f",
        },
        {"key": "/reefs?/i", "content": "It glows.", "alwaysActive": True, "useRegex": True, "insertorder": 10},
    ],
}
AGNAI = {
    "kind": "memory",
    "_id": "x",
    "name": "Coast",
    "description": "The harbour.",
    "scanDepth": 6,
    "entries": [
        {
            "name": "Seals",
            "entry": "Grey seals pup in November.",
            "keywords": ["seal", "pup"],
            "priority": 7,
            "weight": 3,
            "enabled": True,
        },
        {"name": "Off", "entry": "Never.", "keywords": ["x"], "priority": 1, "weight": 1, "enabled": False},
    ],
}


def test_a_lorebook_of_risuai_comes_in():
    imported = import_bytes(json.dumps(RISU).encode(), "lorebook_export.json")
    assert (imported.format, imported.definition) == ("risu", None)
    assert imported.lorebook is not None
    seals, reef = imported.lorebook["entries"]
    assert seals["keys"] == ["seal", "pup"]
    assert seals["secondary_keys"] == ["november"]
    assert (seals["insertion_order"], seals["selective"], seals["case_sensitive"]) == (90, True, True)
    assert (seals["comment"], seals["probability"]) == ("Seals", 50)
    assert (reef["keys"], reef["use_regex"], reef["constant"]) == (["/reefs?/i"], True, True)


def test_a_memory_book_of_agnai_comes_in():
    imported = import_bytes(json.dumps(AGNAI).encode(), "memory.json")
    assert imported.format == "agnai"
    assert imported.lorebook is not None
    assert (imported.lorebook["name"], imported.lorebook["scan_depth"]) == ("Coast", 6)
    seals, off = imported.lorebook["entries"]
    assert (seals["keys"], seals["content"]) == (["seal", "pup"], "Grey seals pup in November.")
    assert (seals["priority"], seals["insertion_order"]) == (7, 3)
    assert off["enabled"] is False


@pytest.mark.parametrize("book", [RISU, AGNAI])
def test_nothing_in_such_a_file_makes_the_reader_fall(book):
    text = json.dumps(book)
    for value in ('"Seals"', "true", "90", '["seal", "pup"]', "7"):
        for other in ("null", "{}", "[1]", '"x"', "1e9"):
            import_bytes(text.replace(value, other).encode())
