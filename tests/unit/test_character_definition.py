from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.characters import store
from whisperengine.characters.definition import Definition, InvalidCharacter, parse, remarks, slug
from whisperengine.characters.schema import SCHEMA, fields, ordered
from whisperengine.characters.validation import KEYWORDS, MAX_DEPTH, problems_of

SMALLEST = {"cdl": "3.0", "name": "mira"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Text that PostgreSQL can store: no NUL, no halves of surrogate pairs.
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz_ é", max_size=6), inner, max_size=4),
    max_leaves=12,
)


def problems_in(document: object) -> dict[str, str]:
    with pytest.raises(InvalidCharacter) as raised:
        parse(document)  # type: ignore[arg-type]
    assert raised.value.code == "invalid_character"
    return {problem.path: problem.allowed for problem in raised.value.problems}


def test_two_fields_make_a_character():
    definition = parse(SMALLEST)
    assert definition.name == "mira"
    assert definition.full_name == "Mira"
    assert definition.called == "Mira"
    assert definition.archetype == "real-world"
    assert definition.greetings == ()


def test_all_problems_are_told_at_once_with_path_value_and_what_is_allowed():
    wrong = {
        "cdl": "2",
        "name": "Not A Slug",
        "identity": {"archetype": "robot", "age": True, "full_roleplay": "yes"},
        "voice": {"catchphrases": ["fine", 3], "emoji": {"frequency": "sometimes"}},
        "emotions": {"baseline": {"joy": 2}},
        "goals": "none",
        "conduct": {"guidelines": [{}]},
    }
    found = problems_in(wrong)
    assert set(found) == {
        "cdl",
        "name",
        "identity.archetype",
        "identity.age",
        "identity.full_roleplay",
        "voice.catchphrases[1]",
        "voice.emoji.frequency",
        "emotions.baseline.joy",
        "goals",
        "conduct.guidelines[0]",
    }
    assert found["identity.archetype"] == "one of real-world, fantasy, narrative-ai"
    assert found["emotions.baseline.joy"] == "from 0 to 1"
    with pytest.raises(InvalidCharacter, match=r"identity.archetype is 'robot', but must be one of real-world"):
        parse(wrong)


def test_missing_required_fields_are_named():
    assert set(problems_in({})) == {"cdl", "name"}


@pytest.mark.parametrize("document", [[], "text", 3, None])
def test_what_is_no_object_is_refused(document):
    assert "the document" in problems_in(document)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a" * 65, "mira\n", "é"])
def test_a_name_that_is_no_slug_is_refused(name):
    assert "name" in problems_in({"cdl": "3.0", "name": name})


@pytest.mark.parametrize("value", [math.nan, math.inf, "a\0b", "\ud800", b"bytes", {1: 2}, 2**300, object()])
def test_what_json_or_the_database_cannot_hold_is_refused_with_its_path(value):
    assert "extensions.program" in problems_in({**SMALLEST, "extensions": {"program": value}})


def test_a_document_nested_too_deep_is_refused():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    found = problems_in({**SMALLEST, "extensions": {"program": deep}})
    assert f"nested at most {MAX_DEPTH} deep" in found.values()


def test_a_document_of_too_many_values_is_refused():
    assert "200,000 values" in str(problems_in({**SMALLEST, "extensions": {"numbers": [0] * 1_000_000}}))


def test_a_document_of_too_much_text_is_refused():
    many = {str(number): "x" * 1_000_000 for number in range(17)}
    assert "16,000,000 characters" in str(problems_in({**SMALLEST, "extensions": many}))


@pytest.mark.parametrize(
    ("path", "value"),
    [("identity.full_name", "x" * 201), ("identity.description", "x" * 200_001), ("personality.fears", ["x"] * 501)],
)
def test_every_text_and_list_has_a_limit(path, value):
    section, name = path.split(".")
    assert path in problems_in({**SMALLEST, section: {name: value}})


def test_problems_are_bounded_in_number_and_length():
    wrong = {**SMALLEST, "voice": {"catchphrases": [1] * 400}, "identity": {"archetype": "x" * 10_000}}
    with pytest.raises(InvalidCharacter) as raised:
        parse(wrong)
    assert len(raised.value.problems) == 100
    assert len(str(raised.value)) < 20_000


def test_null_means_absent_for_every_optional_field():
    nulls = {name: None for name in SCHEMA["properties"] if name not in SCHEMA["required"]}
    assert parse({**SMALLEST, **nulls}).document == SMALLEST
    inner = {
        section: dict.fromkeys(schema["properties"])
        for section, schema in SCHEMA["properties"].items()
        if "properties" in schema
    }
    assert parse({**SMALLEST, **inner}).document == {**SMALLEST, **{section: {} for section in inner}}


@settings(max_examples=30)
@given(json_values, json_values)
def test_unknown_fields_and_extensions_are_kept_untouched(unknown, extension):
    document = {**SMALLEST, "unheard_of": unknown, "identity": {"other": unknown}, "extensions": {"program": extension}}
    kept = parse(copy.deepcopy(document)).document
    assert kept == document
    assert json.dumps(kept) == json.dumps(document)


def test_the_document_is_a_copy():
    document = {**SMALLEST, "identity": {"nickname": "M"}}
    definition = parse(document)
    document["identity"]["nickname"] = "changed"
    assert definition.nickname == "M"


def test_an_unknown_field_is_remarked_upon_with_the_name_that_was_meant():
    definition = parse({**SMALLEST, "voice": {"catchphrase": ["Hm."]}, "lorebook": {"entries": [{"kyes": ["a"]}]}})
    first, second = remarks(definition)
    assert first.startswith("voice.catchphrase is not known")
    assert first.endswith("Did you mean catchphrases?")
    assert second.startswith("lorebook.entries[0].kyes")


def test_extensions_are_nobody_elses_business():
    assert remarks(parse({**SMALLEST, "extensions": {"anything": {"at": "all"}}})) == []


def test_sentences_and_detailed_entries_read_alike():
    definition = parse(
        {**SMALLEST, "voice": {"catchphrases": ["Hm.", {"text": "Look closer.", "context": "x"}, {"context": "y"}]}}
    )
    assert definition.entries("voice.catchphrases")[0] == {"text": "Hm."}
    assert definition.catchphrases == ("Hm.", "Look closer.")
    assert definition.texts("voice.nothing_here") == ()
    assert definition.text("voice.catchphrases") == ""


def test_numbers_read_as_text_where_text_is_asked_for():
    assert parse({**SMALLEST, "identity": {"age": 41}}).text("identity.age") == "41"


def test_a_nickname_is_what_a_character_is_called():
    definition = parse({**SMALLEST, "identity": {"full_name": "Dr. Mira Okafor", "nickname": "Mira"}})
    assert (definition.full_name, definition.called) == ("Dr. Mira Okafor", "Mira")


@pytest.mark.parametrize(("archetype", "expected"), [("real-world", False), ("fantasy", True), ("narrative-ai", False)])
def test_only_a_fantasy_character_may_stay_in_its_story_when_asked_about_its_nature(archetype, expected):
    definition = parse({**SMALLEST, "identity": {"archetype": archetype, "full_roleplay": True}})
    assert definition.full_roleplay is expected


def test_greetings_leave_out_empty_ones():
    talk = {"greeting": "Hello.", "alternate_greetings": ["", "Hi."]}
    assert parse({**SMALLEST, "conversation": talk}).greetings == ("Hello.", "Hi.")


def test_the_hash_does_not_depend_on_the_order_of_fields():
    one = Definition({"cdl": "3.0", "name": "a", "identity": {"nickname": "x", "age": 1}})
    two = Definition({"name": "a", "identity": {"age": 1, "nickname": "x"}, "cdl": "3.0"})
    assert one.sha256 == two.sha256
    assert one.sha256 != parse(SMALLEST).sha256


def test_the_hash_of_a_whole_number_does_not_depend_on_how_it_is_written():
    hashes = [Definition({**SMALLEST, "extensions": {"a": [value]}}).sha256 for value in (0, 0.0, -0.0, False)]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]


def test_ordered_puts_known_fields_in_the_order_of_the_schema():
    mixed = {
        "zzz": 1,
        "voice": {"tone": "x"},
        "name": "a",
        "lorebook": {"entries": [{"content": "c", "keys": []}]},
        "cdl": "3.0",
    }
    assert list(ordered(mixed)) == ["cdl", "name", "voice", "lorebook", "zzz"]
    assert list(ordered(mixed)["lorebook"]["entries"][0]) == ["keys", "content"]
    assert ordered(mixed) == mixed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mira", "mira"),
        ("  Dr. Mira   Okafor ", "dr_mira_okafor"),
        ("Élène Rodríguez!", "elene_rodriguez"),
        ("well-known", "well-known"),
        ("__a--b_-c__", "a-b_c"),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_title_becomes_a_slug(text, expected):
    assert slug(text) == expected


@given(st.text(st.characters()))
def test_every_title_becomes_a_name_that_is_allowed(text):
    name = slug(text)
    assert parse({"cdl": "3.0", "name": name}).name == name
    assert slug(name) == name


def test_titles_without_latin_letters_become_different_names():
    assert slug("エレナ").startswith("character-")
    assert slug("エレナ") != slug("ミラ")


def walk(schema: dict, path: str = ""):
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from walk(part, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from walk(schema[name], f"{path}[]")


def test_the_schema_uses_only_keywords_that_the_checker_knows():
    for path, schema in walk(SCHEMA):
        assert set(schema) <= KEYWORDS, path
        assert schema.get("pattern", "^$")[0] == "^", path
        assert schema.get("pattern", "^$")[-1] == "$", path


def test_every_field_of_the_schema_explains_itself_and_gives_a_valid_example():
    for path, schema in walk(SCHEMA):
        assert schema["description"].endswith("."), path
        if "properties" not in schema or schema["type"] != "object":
            assert schema["examples"], path
        for example in schema.get("examples", ()):
            assert problems_of(example, schema) == [], path


def test_every_text_and_every_list_in_the_schema_is_bounded():
    for path, schema in walk(SCHEMA):
        types = schema.get("type", [])
        if "string" in ([types] if isinstance(types, str) else types) and "enum" not in schema:
            assert schema["maxLength"] > 0, path
        if "array" in types:
            assert schema["maxItems"] > 0, path


def test_every_field_says_what_it_is_for():
    found = {field.path: field.use for field in fields()}
    assert found["personality.fears[]"] == "prompt"
    assert found["personality.fears[].text"] == "prompt"
    assert found["model.temperature"] == "service"
    assert found["lorebook.entries[].content"] == "prompt"
    assert found["lorebook.entries[].keys[]"] == "service"
    assert found["about.creator"] == "data"
    assert set(found.values()) == {"prompt", "service", "data"}


def test_the_shipped_characters_are_valid_complete_and_without_unknown_fields():
    shipped = list(store.builtin())
    assert {definition.name for definition in shipped} == {
        "assistant",
        "halcyon",
        "mira_okafor",
        "odile_marchetti",
        "tamsin_vane",
    }
    for definition in shipped:
        assert remarks(definition) == []
        assert definition.greetings
        assert len(definition.catchphrases) >= 2
        for section in ("identity", "personality", "voice", "emotions", "conduct", "conversation", "avatar", "about"):
            assert definition.at(section), (definition.name, section)
