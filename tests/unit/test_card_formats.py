from __future__ import annotations

import base64
import copy
import json

import pytest
import yaml

from tests.support.card_samples import CARDS, V2, V2_MIRRORED, V3, V3_DATA, V3_SILLYTAVERN, WORLD
from whisperengine.characters import cards, store
from whisperengine.characters.definition import Definition, InvalidCharacter, parse
from whisperengine.characters.formats import MEDIA, export_bytes, export_lorebook, import_bytes
from whisperengine.characters.mapping import KEPT
from whisperengine.characters.text_files import InvalidFile
from whisperengine.errors import RequestError


def definition_of(value: object) -> Definition:
    definition = import_bytes(json.dumps(value).encode()).definition
    assert definition is not None
    return definition


def through_the_database(definition: Definition) -> Definition:
    """What PostgreSQL's jsonb gives back: the same values, the fields in another order."""
    return Definition(json.loads(json.dumps(definition.document, sort_keys=True)))


def edited(definition: Definition, section: str, **fields: object) -> Definition:
    document = copy.deepcopy(dict(definition.document))
    document[section] = {**document.get(section, {}), **fields}
    return parse(document)


@pytest.mark.parametrize("name", CARDS)
def test_a_card_comes_back_as_the_same_bytes_of_json(name):
    imported = import_bytes(json.dumps(CARDS[name]).encode())
    assert imported.definition is not None
    exported = export_bytes(imported.definition, imported.format)
    assert json.dumps(json.loads(exported.data)) == json.dumps(CARDS[name])


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("container", ["json", "yaml", "png", "charx"])
def test_a_card_survives_every_container_and_the_database(name, container):
    definition = through_the_database(definition_of(CARDS[name]))
    again = import_bytes(export_bytes(definition, container).data, "x.yaml" if container == "yaml" else "").definition
    assert again is not None
    if container in ("json", "yaml"):
        assert again == definition
    without = cards.without_original(again.document)[0]
    assert without == cards.without_original(definition.document)[0]
    if container == "png" and name.startswith("v3"):
        assert again.document["extensions"][KEPT]["document"] == CARDS[name]


def test_every_field_of_a_card_has_its_place():
    definition = definition_of(V3)
    assert definition.name == "mira"
    assert (definition.full_name, definition.called) == ("Mira", "M")
    assert definition.description == V3_DATA["description"].strip()
    assert definition.text("personality.summary") == "curious, dry"
    assert definition.greetings == ("Mind the ladder.", "Shh.")
    assert definition.text("conversation.example_dialogues").startswith("<START>")
    assert definition.text("conversation.system_prompt").startswith("{{original}}")
    assert definition.at("conversation.depth_prompt") == {
        "text": "The tide is coming in.",
        "depth": 4,
        "role": "system",
    }
    assert definition.texts("conversation.group_greetings") == ("Room for one more.",)
    assert definition.at("about.talkativeness") == 0.5
    assert definition.tags == ("sea", "Science")
    assert definition.at("about.creator_notes_multilingual.de") == "Abends."
    assert definition.at("about.created") == 1_700_000_000
    assert definition.at("extensions.chub.id") == 12345678901234567890
    assert len(definition.document["assets"]) == 3
    first, second = definition.lorebook["entries"]
    assert (first["keys"], first["name"], first["position"]) == (["seal", "pup"], "Seals", "before_char")
    assert (second["enabled"], second["use_regex"], second["id"]) == (False, True, "text id")


def test_what_SillyTavern_keeps_in_extensions_of_an_entry_is_understood():
    (entry,) = definition_of(V3_SILLYTAVERN).lorebook["entries"]
    assert entry["position"] == "at_depth"
    assert (entry["depth"], entry["role"], entry["probability"]) == (2, "assistant", 75)
    assert (entry["sticky"], entry["cooldown"], entry["group"]) == (3, 5, "beasts")
    assert entry["secondary_logic"] == "and_all"
    assert entry["meaning"] is True
    assert entry["exclude_recursion"] is True
    assert "use_regex" not in entry, "SillyTavern sets it on every entry and means only keys between slashes"


def test_odd_types_are_made_to_fit_and_what_fits_nowhere_is_told():
    imported = import_bytes(json.dumps(CARDS["v2 with odd types"]).encode())
    assert imported.definition is not None
    assert imported.definition.description == "42"
    assert imported.definition.tags == ("sea", "science")
    assert imported.definition.texts("conversation.alternate_greetings") == ("one alone",)
    (entry,) = imported.definition.lorebook["entries"]
    assert entry == {"keys": ["seal", "pup"], "content": "x", "insertion_order": 7, "enabled": True}
    assert any("data.first_mes" in note for note in imported.notes)


def test_a_newer_version_and_unknown_fields_are_told():
    notes = import_bytes(json.dumps(CARDS["v3 of a newer version"]).encode()).notes
    assert any("3.7" in note for note in notes)
    assert any("data.holograms" in note for note in notes)


def test_an_edit_changes_its_field_and_nothing_else():
    for name, card in CARDS.items():
        definition = edited(definition_of(card), "personality", summary="new")
        version = cards.version_of(card)
        assert version is not None
        exported = json.loads(export_bytes(definition, version).data)
        expected = copy.deepcopy(card)
        target = expected.get("data", expected)
        target["personality"] = "new"
        if "data" in expected and "personality" in expected:
            expected["personality"] = "new"
        assert exported == expected, name


def test_a_field_that_was_emptied_is_empty_in_the_card():
    definition = definition_of(V2_MIRRORED)
    document = copy.deepcopy(dict(definition.document))
    del document["conversation"]["greeting"]
    del document["about"]["tags"]
    exported = json.loads(export_bytes(parse(document), "v2").data)
    assert exported["data"]["first_mes"] == ""
    assert exported["data"]["tags"] == []
    assert exported["data"]["scenario"] == V2["data"]["scenario"]


def test_an_edited_lorebook_entry_leaves_the_others_as_they_were():
    definition = definition_of(V3)
    book = copy.deepcopy(dict(definition.lorebook))
    book["entries"][0]["content"] = "Changed."
    book["entries"].append({"keys": ["new"], "content": "New.", "sticky": 2, "meaning": 0.6, "position": "scenario"})
    exported = json.loads(export_bytes(edited(definition, "lorebook", **book), "v3").data)
    first, second, third = exported["data"]["character_book"]["entries"]
    original = V3_DATA["character_book"]["entries"]
    assert first == {**original[0], "content": "Changed."}
    assert second == original[1]
    assert third["extensions"]["sticky"] == 2
    assert third["extensions"]["whisperengine"] == {"meaning": 0.6, "position": "scenario"}
    assert (third["enabled"], third["use_regex"], third["position"]) == (True, False, "after_char")


def test_entries_can_be_removed_and_reordered():
    definition = definition_of(V3)
    entries = list(reversed(definition.lorebook["entries"]))
    exported = json.loads(export_bytes(edited(definition, "lorebook", entries=entries), "v3").data)
    assert exported["data"]["character_book"]["entries"] == list(reversed(V3_DATA["character_book"]["entries"]))
    exported = json.loads(export_bytes(edited(definition, "lorebook", entries=[]), "v3").data)
    assert exported["data"]["character_book"]["entries"] == []


def test_what_a_card_has_no_place_for_travels_in_its_extensions_and_is_told():
    mira = next(item for item in store.builtin() if item.name == "mira_okafor")
    for format in ("v2", "v3", "png", "charx"):
        exported = export_bytes(mira, format)
        (note,) = exported.notes
        assert "voice.catchphrases" in note
        again = import_bytes(exported.data).definition
        assert again is not None
        assert cards.without_original(again.document)[0] == mira.document, format
    (note,) = export_bytes(mira, "v1").notes
    assert "not in the file" in note


def test_between_versions_of_cards_nothing_is_lost():
    second = import_bytes(export_bytes(definition_of(V3), "v2").data).definition
    assert second is not None
    third = json.loads(export_bytes(second, "v3").data)["data"]
    for name, value in V3_DATA.items():
        if name == "character_book":
            assert [entry["content"] for entry in third[name]["entries"]] == [
                entry["content"] for entry in value["entries"]
            ]
        elif name != "modification_date":
            assert third[name] == value, name


def test_a_png_holds_the_version_3_card_and_a_version_2_copy_with_a_warning_and_without_decorators():
    from whisperengine.characters import png

    data = export_bytes(definition_of(V3), "png").data
    found = dict(png.texts(data, png.chunks(data)))
    assert json.loads(base64.b64decode(found["ccv3"])) == V3
    old = json.loads(base64.b64decode(found["chara"]))
    assert old["spec"] == "chara_card_v2"
    assert old["data"]["creator_notes"].startswith("Best in the evening.")
    assert cards.BACKFILLED in old["data"]["creator_notes"]
    assert "nickname" not in old["data"]
    assert old["data"]["character_book"]["entries"][1]["content"] == "Dragons."


def test_where_talks_and_keys_go_is_not_for_a_file_to_decide():
    model = {"url": "https://thief.example/v1", "key_ref": "openrouter", "client_type": "openai", "temperature": 0.5}
    document = {"cdl": "3.0", "name": "mira", "model": model}
    card = {**V3, "data": {**V3_DATA, "extensions": {"whisperengine": {"cdl": {"model": model}}}}}
    for value in (document, card):
        imported = import_bytes(json.dumps(value).encode())
        assert imported.definition is not None
        assert imported.definition.model == {"temperature": 0.5}
        assert sum("was left out" in note for note in imported.notes) == 3
    trusted = import_bytes(json.dumps(document).encode(), trust_model=True).definition
    assert trusted is not None
    assert trusted.model == model


def test_a_card_cannot_overwrite_itself_through_our_extension():
    card = {
        **V3,
        "data": {**V3_DATA, "extensions": {"whisperengine": {"cdl": {"identity": {"full_name": "Other", "age": 3}}}}},
    }
    definition = definition_of(card)
    assert (definition.full_name, definition.text("identity.age")) == ("Mira", "3")


@pytest.mark.parametrize("format", ["v1", "v2", "v3", "yaml-2.0", "legacy-json", "lorebook", "world", ["v3"], None])
def test_a_nonsensical_original_does_no_harm(format):
    nonsense = (None, 3, "text", [], {}, {"data": "x"}, {"data": {"extensions": 3}}, {"data": {"character_book": [1]}})
    entries = ({"entries": 3}, {"entries": {"a": 1}}, {"entries": [None]}, {"character": 3}, {"identity": {"name": 3}})
    for document in (*nonsense, *entries):
        original = {KEPT: {"format": format, "document": document}}
        lorebook = {"entries": [{"keys": ["a"], "content": "b"}], "extensions": original}
        value = {"cdl": "3.0", "name": "mira", "lorebook": lorebook, "extensions": original}
        definition = definition_of(value)
        for target in MEDIA:
            imported = import_bytes(export_bytes(definition, target).data, "x.yaml" if "yaml" in target else "")
            assert imported.definition or imported.lorebook is not None


def test_a_lorebook_alone_comes_in_and_goes_out_whole():
    book = {"spec": "lorebook_v3", "data": V3_DATA["character_book"], "extra": 1}
    for value, format in ((book, "lorebook"), (WORLD, "world"), (V3_DATA["character_book"], "lorebook")):
        imported = import_bytes(json.dumps(value).encode(), "world.json")
        assert imported.definition is None
        assert imported.lorebook is not None
        assert imported.format == format
        assert export_lorebook(imported.lorebook, format) == value


def test_a_world_file_is_understood():
    lorebook = import_bytes(json.dumps(WORLD).encode()).lorebook
    assert lorebook is not None
    first, second = lorebook["entries"]
    assert (first["keys"], first["secondary_keys"], first["secondary_logic"]) == (["seal"], ["pup"], "not_any")
    assert (first["insertion_order"], first["position"], first["match_whole_words"]) == (90, "before_char", True)
    assert (second["enabled"], "probability" in second) == (False, False)


def test_a_lorebook_from_a_card_becomes_a_world_file():
    world = export_lorebook(definition_of(V3_SILLYTAVERN).lorebook, "world")
    (entry,) = world["entries"].values()
    assert entry["key"] == ["wolf", "/wol(f|ves)/i"]
    assert (entry["position"], entry["role"], entry["selectiveLogic"], entry["disable"]) == (4, 2, 3, False)


def test_yaml_written_by_hand_is_read():
    text = "cdl: 3.0\nname: mira\nidentity:\n  age: 41\nvoice:\n  catchphrases: [no, 'yes', 2024-01-01]\n"
    definition = import_bytes(text.encode()).definition
    assert definition is not None
    assert definition.catchphrases == ("no", "yes", "2024-01-01")


def test_exported_yaml_is_plain_yaml_for_other_readers():
    data = export_bytes(definition_of(V3), "yaml").data
    assert yaml.safe_load(data)["identity"]["full_name"] == "Mira"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_text_of_other_encodings_is_read(encoding):
    card = {**V2, "data": {**V2["data"], "name": "Zoë"}}
    data = json.dumps(card, ensure_ascii=False).encode(encoding)
    if encoding == "utf-16-le":
        data = b"\xff\xfe" + data
    definition = import_bytes(data).definition
    assert definition is not None
    assert (definition.full_name, definition.name) == ("Zoë", "zoe")


def test_characters_that_cannot_be_stored_are_replaced_and_told():
    card = {**V2, "data": {**V2["data"], "description": "a\0b\ud800c"}}
    imported = import_bytes(json.dumps(card).encode())
    assert imported.definition is not None
    assert imported.definition.description == "a\ufffdb\ufffdc"
    assert any("cannot be stored" in note for note in imported.notes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  \n",
        b"[]",
        b"42",
        b'"text"',
        b"{}",
        b"plain words",
        b'{"hello": "world"}',
        b"{broken",
        b"\x00\x01\x02",
        b"null",
    ],
)
def test_what_is_no_character_is_refused_with_a_next_step(data):
    with pytest.raises(InvalidFile) as raised:
        import_bytes(data)
    assert raised.value.code == "invalid_file"
    assert str(raised.value).count(".") >= 2


def test_a_document_with_mistakes_is_refused_with_all_of_them():
    with pytest.raises(InvalidCharacter) as raised:
        import_bytes(b'{"cdl": "3.0", "name": "X", "identity": {"archetype": "robot"}}')
    assert len(raised.value.problems) == 2


def test_an_unknown_format_is_refused():
    with pytest.raises(RequestError, match="Use one of json"):
        export_bytes(definition_of(V2), "pdf")  # type: ignore[arg-type]
