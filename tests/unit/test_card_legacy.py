from __future__ import annotations

import copy
import json

import yaml

from whisperengine.characters.cards import without_original
from whisperengine.characters.definition import Definition, parse
from whisperengine.characters.formats import export_bytes, import_bytes

YAML = {
    "name": "Elena Marsh",
    "identity": {
        "name": "Elena Marsh",
        "occupation": "Botanist",
        "description": "Grows what others gave up on.",
        "archetype": "real_world",
        "allow_full_roleplay_immersion": False,
    },
    "metadata": {
        "database_id": 7,
        "normalized_name": "elena_marsh",
        "export_date": "2025-10-20T08:00:00.000Z",
        "is_active": True,
        "schema_version": "2.0",
        "source": "web_ui_export",
    },
    "personality": {
        "big_five": {
            "openness": "0.80",
            "conscientiousness": "0.75",
            "extraversion": 0.5,
            "agreeableness": "0.9",
            "neuroticism": "0.30",
        },
        "values": ["patience: Nothing grows by shouting.", "Care"],
    },
    "background": {
        "entries": [
            {
                "id": 1,
                "category": "education",
                "title": "Degree",
                "description": "Studied moss.",
                "period": "1999-2003",
                "importance_level": 7,
            },
            {"id": 2, "category": "personal", "description": "Left the city."},
        ]
    },
    "interests": {
        "entries": [
            {"id": 3, "category": "hobby", "interest_text": "ferns", "proficiency_level": "8", "importance": "high"}
        ]
    },
    "communication_patterns": {
        "patterns": [
            {
                "id": 4,
                "pattern_type": "humor",
                "pattern_name": "dry",
                "pattern_value": "Understates.",
                "context": "all",
                "frequency": "regular",
            }
        ]
    },
    "speech_patterns": {
        "patterns": [
            {
                "id": 5,
                "pattern_type": "preferred_words",
                "pattern_value": "leaf, soil",
                "usage_frequency": "often",
                "priority": 50,
            }
        ]
    },
    "response_style": {
        "guidelines": [
            {
                "id": 6,
                "guideline_type": "core_principle",
                "guideline_name": "truth",
                "guideline_content": "Be honest.",
                "priority": 90,
                "context": "all",
                "is_critical": True,
            }
        ],
        "modes": [
            {
                "id": 8,
                "mode_name": "brief",
                "mode_description": "Short.",
                "response_style": "Facts.",
                "length_guideline": "1-2 sentences",
                "tone_adjustment": "calm",
                "conflict_resolution_priority": 3,
                "examples": "Yes.",
            }
        ],
    },
    "legacy_cdl_data": {"kept": [1, 2]},
}

JSON = {
    "cdl_version": "1.0",
    "format": "json",
    "description": "An old file",
    "character": {
        "metadata": {
            "character_id": "x",
            "name": "Guide",
            "version": "1.0.0",
            "created_by": "A team",
            "tags": ["helpful"],
        },
        "identity": {
            "name": "Guide",
            "full_name": "The Guide",
            "nickname": "G",
            "occupation": "Guide",
            "description": "Shows the way.",
        },
        "personality": {
            "big_five": {"openness": "0.8", "neuroticism": 0.2},
            "traits": {"primary": ["helpful"], "secondary": ["patient"]},
            "communication_style": {"tone": "friendly", "formality": "adaptive", "humor": "gentle"},
            "values": ["respect"],
        },
        "background": {
            "summary": "Walked far.",
            "education": "Maps.",
            "experience": [{"role": "Guide", "description": "Led people.", "duration": "ongoing", "skills": ["knots"]}],
            "relationships": {"family": [], "friends": ["A mule"]},
            "key_memories": [{"event": "First pass", "description": "Snow.", "learned": "Patience."}],
        },
        "capabilities": {
            "skills": ["Listening"],
            "knowledge_domains": ["mountains"],
            "languages": ["english"],
            "limitations": ["No flying"],
        },
        "behavioral_patterns": {
            "conversation_starters": ["Hello!", "Where to?"],
            "response_patterns": {"when_lost": "Ask what they see."},
            "decision_making": {"approach": "Safety first", "values_priority": ["life", "limb"]},
        },
        "speech_patterns": {
            "vocabulary": {"preferred_words": ["certainly"], "avoided_words": ["just"], "technical_terms": "explained"},
            "sentence_structure": "clear",
            "response_length": "short",
        },
        "emotional_profile": {
            "default_mood": "calm",
            "emotional_range": {"joy": "0.7", "wonder": 0.9},
            "triggers": {"positive": ["a clear sky"]},
            "coping_mechanisms": ["breathe"],
        },
        "relationships_dynamics": {"with_users": {"boundaries": "stays professional"}},
        "growth_arc": {"learning_goals": ["new paths"], "key_themes": ["trust"]},
    },
}


def definition_of(value: object) -> Definition:
    definition = import_bytes(json.dumps(value).encode()).definition
    assert definition is not None
    return definition


def test_a_yaml_export_of_the_old_program_is_read_with_its_quoted_numbers():
    definition = import_bytes(yaml.safe_dump(YAML, sort_keys=False).encode(), "elena_marsh_complete.yaml").definition
    assert definition is not None
    assert (definition.name, definition.full_name, definition.archetype) == ("elena_marsh", "Elena Marsh", "real-world")
    assert definition.at("personality.big_five") == {
        "openness": 0.8,
        "conscientiousness": 0.75,
        "extraversion": 0.5,
        "agreeableness": 0.9,
        "neuroticism": 0.3,
    }
    assert definition.at("background")[0] == {
        "category": "education",
        "title": "Degree",
        "text": "Studied moss.",
        "period": "1999-2003",
        "importance": 7,
    }
    assert definition.at("interests") == [
        {"category": "hobby", "text": "ferns", "proficiency": 8, "importance": "high"}
    ]
    assert definition.texts("voice.communication") == ("Understates.",)
    assert definition.at("voice.patterns")[0]["frequency"] == "often"
    assert definition.at("conduct.guidelines")[0]["critical"] is True
    assert definition.at("conduct.modes")[0] == {
        "name": "brief",
        "text": "Short.",
        "style": "Facts.",
        "length": "1-2 sentences",
        "tone": "calm",
        "priority": 3,
        "examples": "Yes.",
    }


def test_the_old_yaml_comes_back_as_it_was():
    definition = definition_of(YAML)
    exported = export_bytes(definition, "yaml-2.0")
    assert yaml.safe_load(exported.data) == YAML
    assert list(yaml.safe_load(exported.data)) == list(YAML)
    assert exported.filename == "elena_marsh_complete.yaml"


def test_an_edit_shows_in_the_old_yaml_and_the_rest_stays():
    document = copy.deepcopy(dict(definition_of(YAML).document))
    document["background"][1]["text"] = "Left the town."
    document["personality"]["big_five"]["openness"] = {"value": 0.1, "text": "none"}
    exported = yaml.safe_load(export_bytes(parse(document), "yaml-2.0").data)
    expected = copy.deepcopy(YAML)
    expected["background"]["entries"][1] = {"category": "personal", "description": "Left the town."}
    expected["personality"]["big_five"]["openness"] = 0.1
    assert exported == expected


def test_other_spellings_of_the_old_yaml_are_read():
    other = {
        "identity": {"name": "Nix", "archetype": "mythological", "allow_full_roleplay": "true"},
        "background": [{"content": "Hatched.", "timeframe": "long ago"}],
        "speech_patterns": {"patterns": [{"pattern": "Hisses.", "frequency": "rarely"}]},
        "response_style": {"items": [{"item_type": "core_principles", "item_text": "Be sly.", "sort_order": 1}]},
    }
    definition = definition_of(other)
    assert (definition.name, definition.archetype, definition.full_roleplay) == ("nix", "fantasy", True)
    assert definition.at("background") == [{"text": "Hatched.", "period": "long ago"}]
    assert definition.at("voice.patterns") == [{"text": "Hisses.", "frequency": "rarely"}]
    assert definition.at("conduct.guidelines") == [{"kind": "core_principles", "text": "Be sly."}]


def test_a_character_of_our_own_becomes_an_old_yaml_that_says_what_it_lacks():
    document = {"cdl": "3.0", "name": "nix", "goals": ["fly"], "background": ["Hatched."]}
    exported = export_bytes(parse(document), "yaml-2.0")
    assert yaml.safe_load(exported.data) == {
        "name": "nix",
        "background": {"entries": [{"description": "Hatched."}]},
        "metadata": {"normalized_name": "nix", "is_active": True, "schema_version": "2.0"},
    }
    (note,) = exported.notes
    assert "goals" in note


def test_the_json_before_it_is_read_with_everything_that_it_says():
    definition = definition_of(JSON)
    assert (definition.full_name, definition.called) == ("The Guide", "G")
    assert definition.at("personality.big_five.openness") == 0.8
    assert definition.texts("personality.traits") == ("helpful", "patient")
    assert {"kind": "humor", "text": "gentle"} in definition.entries("voice.communication")
    assert definition.greetings == ("Hello!", "Where to?")
    assert definition.at("emotions.baseline.joy") == 0.7
    assert definition.at("memories")[0] == {"title": "First pass", "text": "Snow. Patience."}
    assert definition.at("relationships") == [{"kind": "friends", "text": "A mule"}]
    said = json.dumps(without_original(definition.document)[0])
    for words in (
        "Walked far.",
        "Maps.",
        "Skills: knots.",
        "Listening",
        "mountains",
        "No flying",
        "Ask what they see.",
    ):
        assert words in said
    for words in (
        "Safety first",
        "limb",
        "certainly",
        "explained",
        "a clear sky",
        "breathe",
        "stays professional",
        "new paths",
    ):
        assert words in said


def test_the_old_json_comes_back_as_it_was_and_shows_edits():
    definition = definition_of(JSON)
    exported = export_bytes(definition, "legacy-json")
    assert json.dumps(json.loads(exported.data)) == json.dumps(JSON)
    assert exported.notes == ()
    document = copy.deepcopy(dict(definition.document))
    document["voice"]["tone"] = "stern"
    document["memories"].append("A storm.")
    exported = export_bytes(parse(document), "legacy-json")
    expected = copy.deepcopy(JSON)
    expected["character"]["personality"]["communication_style"]["tone"] = "stern"
    assert json.loads(exported.data) == expected
    assert "memories" in exported.notes[0]


def test_nulls_and_nonsense_in_old_files_do_no_harm():
    for value in (YAML, JSON):
        top = value.get("character", value)
        assert isinstance(top, dict)
        for name in top:
            for nonsense in (None, 42, "text", [], ["x", 3, None], {}, {"entries": [None, 3, {}]}):
                broken = copy.deepcopy(value)
                broken.get("character", broken)[name] = nonsense
                definition = (
                    import_bytes(json.dumps(broken).encode(), "x.json").definition if name != "identity" else None
                )
                if definition is not None:
                    kind = "legacy-json" if value is JSON else "yaml-2.0"
                    assert export_bytes(definition, kind).data
