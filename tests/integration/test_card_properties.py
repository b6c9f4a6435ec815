"""Properties of the whole language: any valid document, in and out of every format."""

from __future__ import annotations

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.card_samples import documents
from whisperengine.characters import cards
from whisperengine.characters.definition import parse
from whisperengine.characters.diff import difference
from whisperengine.characters.formats import MEDIA, export_bytes, import_bytes
from whisperengine.characters.lorebook import Book, Talk


@settings(max_examples=100)
@given(documents())
def test_any_document_survives_our_own_formats(document):
    definition = parse(document)
    for format in ("json", "yaml"):
        exported = export_bytes(definition, format)
        assert import_bytes(exported.data, exported.filename, trust_model=True).definition == definition


@settings(max_examples=100)
@given(documents())
def test_any_document_becomes_a_card_and_the_card_is_stable(document):
    definition = parse(document)
    for format in ("v2", "v3"):
        first = json.loads(export_bytes(definition, format).data)
        again = import_bytes(json.dumps(first).encode(), trust_model=True).definition
        assert again is not None
        assert json.loads(export_bytes(again, format).data) == first


def meant(value: object) -> object:
    """A document without what goes without saying, which cards must say and CDL need not: empty values and defaults."""
    if isinstance(value, dict):
        said = {name: meant(item) for name, item in value.items() if name != "cdl"}
        if not said.get("depth_prompt", {"text": "there"}).get("text"):
            del said["depth_prompt"]
        defaults = (("enabled", True), ("use_regex", False), ("insertion_order", 100))
        return {name: item for name, item in said.items() if item not in ("", [], {}) and (name, item) not in defaults}
    return [meant(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=100)
@given(documents())
def test_any_document_comes_back_from_a_card_whole(document):
    definition = parse(document)
    for format in ("v2", "v3"):
        again = import_bytes(export_bytes(definition, format).data, trust_model=True).definition
        assert again is not None
        assert meant(cards.without_original(again.document)[0]) == meant(definition.document)


@settings(max_examples=100)
@given(documents())
def test_any_document_can_be_written_in_every_format(document):
    definition = parse(document)
    for format in MEDIA:
        exported = export_bytes(definition, format)
        assert exported.data
        assert exported.filename.startswith(definition.name)
        imported = import_bytes(exported.data, exported.filename)
        assert imported.definition or imported.lorebook is not None


@settings(max_examples=100)
@given(documents(), documents())
def test_equal_documents_have_no_difference_and_others_have_one(one, two):
    assert difference(parse(one), parse(one)) == []
    assert bool(difference(parse(one), parse(two))) == (parse(one).sha256 != parse(two).sha256)


@settings(max_examples=100)
@given(documents(), st.lists(st.text(max_size=20), max_size=4))
def test_any_valid_book_can_be_asked(document, messages):
    lore = Book(parse(document).lorebook)
    memory: dict = {}
    for turn in (1, 2, 3):
        talk = Talk(messages, turn, memory=memory)
        memory = lore.select(talk, chance=random.Random(turn), count_tokens=len).memory
        assert json.loads(json.dumps(memory)) == memory
