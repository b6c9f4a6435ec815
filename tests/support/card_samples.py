"""Cards as they are found in the wild, built after the specifications; and valid CDL documents of every shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from whisperengine.characters.mapping import KEPT
from whisperengine.characters.schema import SCHEMA

V1 = {
    "name": "Mira",
    "description": "{{char}} is a marine biologist.\r\nShe likes <USER>.",
    "personality": "curious, dry",
    "scenario": "",
    "first_mes": "Mind the ladder.",
    "mes_example": "<START>\n{{user}}: Hi\n{{char}}: Look down.",
}
PYGMALION = {
    "char_name": "Mira",
    "char_persona": "A marine biologist.",
    "world_scenario": "A harbour.",
    "char_greeting": "Mind the ladder.",
    "example_dialogue": "You: Hi\nMira: Look down.",
    "metadata": {"version": 1, "created": 1677000000000, "tool": {"name": "AI Character Editor", "url": "x"}},
}
V2_DATA = {
    **V1,
    "creator_notes": "Best in the evening.",
    "system_prompt": "{{original}} Stay on the coast.",
    "post_history_instructions": "",
    "alternate_greetings": ["Shh.", ""],
    "tags": ["sea", "Science"],
    "creator": "somebody",
    "character_version": "1.2",
    "extensions": {
        "depth_prompt": {"prompt": "The tide is coming in.", "depth": 4, "role": "system"},
        "talkativeness": "0.5",
        "fav": False,
        "world": "Coast",
        "chub": {"id": 12345678901234567890, "related_lorebooks": [], "preset": None},
    },
    "character_book": {
        "name": "Coast",
        "extensions": {},
        "scan_depth": 50,
        "token_budget": 500,
        "recursive_scanning": False,
        "entries": [
            {
                "keys": ["seal", "pup"],
                "secondary_keys": [],
                "content": "Grey seals pup in November.",
                "extensions": {"weight": 10},
                "enabled": True,
                "insertion_order": 10,
                "case_sensitive": False,
                "name": "Seals",
                "priority": 5,
                "id": 1,
                "comment": "",
                "selective": False,
                "constant": False,
                "position": "before_char",
            }
        ],
    },
}
V2 = {"spec": "chara_card_v2", "spec_version": "2.0", "data": V2_DATA}
V2_MIRRORED = {
    **V1,
    "creatorcomment": "Best in the evening.",
    "avatar": "none",
    "chat": "Mira - 2024-1-1",
    "talkativeness": "0.5",
    "fav": False,
    "tags": ["sea"],
    "create_date": "2024-1-1 @10h 00m",
    **V2,
}
V2_NULLS = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {**dict.fromkeys(V2_DATA), "name": "Nobody", "extensions": {"a": None}, "character_book": None},
}
V2_ODD = {
    "spec": "chara_card_v2",
    "spec_version": 2.0,
    "data": {
        "name": "Odd",
        "description": 42,
        "personality": ["listed", "not told"],
        "first_mes": {"an": "object"},
        "tags": "sea, science ,",
        "alternate_greetings": "one alone",
        "creator_notes": 3.5,
        "extensions": [],
        "character_book": {
            "entries": {"0": {"keys": "seal, pup", "content": "x", "insertion_order": "7", "enabled": 1}}
        },
    },
}
SILLYTAVERN_ENTRY = {
    "id": 3,
    "keys": ["wolf", "/wol(f|ves)/i"],
    "secondary_keys": ["night"],
    "comment": "Wolves",
    "content": "Wolves sing at night.",
    "constant": False,
    "selective": True,
    "insertion_order": 100,
    "enabled": True,
    "position": "after_char",
    "use_regex": True,
    "extensions": {
        "position": 4,
        "exclude_recursion": True,
        "display_index": 3,
        "probability": 75,
        "useProbability": True,
        "depth": 2,
        "selectiveLogic": 3,
        "group": "beasts",
        "group_override": False,
        "group_weight": 100,
        "prevent_recursion": False,
        "delay_until_recursion": False,
        "scan_depth": None,
        "match_whole_words": None,
        "use_group_scoring": False,
        "case_sensitive": None,
        "automation_id": "",
        "role": 2,
        "vectorized": True,
        "sticky": 3,
        "cooldown": 5,
        "delay": 0,
    },
}
V3_DATA = {
    **V2_DATA,
    "nickname": "M",
    "creator_notes_multilingual": {"en": "Evening.", "de": "Abends."},
    "source": ["https://cards.example/mira", "id-7"],
    "group_only_greetings": ["Room for one more."],
    "creation_date": 1_700_000_000,
    "modification_date": 0,
    "assets": [
        {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"},
        {"type": "emotion", "uri": "embeded://assets/emotion/images/joy.png", "name": "joy", "ext": "png"},
        {"type": "x_program", "uri": "https://files.example/a.bin", "name": "a", "ext": "unknown", "extra": [1]},
    ],
    "character_book": {
        **V2_DATA["character_book"],
        "entries": [
            *V2_DATA["character_book"]["entries"],
            {
                "keys": ["dragon.*fire"],
                "content": "@@depth 2\n@@role system\n@@unheard_of x\n@@@scan_depth 9\n\nDragons.",
                "extensions": {},
                "enabled": False,
                "insertion_order": -1,
                "use_regex": True,
                "constant": None,
                "id": "text id",
                "unknown": {"kept": True},
            },
        ],
    },
}
V3 = {"spec": "chara_card_v3", "spec_version": "3.0", "data": V3_DATA}
V3_NULLS = {**V3, "data": {**dict.fromkeys(V3_DATA), "name": "Nobody"}}
V3_NEWER = {
    "spec": "chara_card_v3",
    "spec_version": "3.7",
    "data": {**V3_DATA, "holograms": [{"mood": 1.0}], "name": "Newer"},
    "signature": "abc",
}
V3_SILLYTAVERN = {
    **V2_MIRRORED,
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V2_DATA,
        "group_only_greetings": [],
        "character_book": {"name": "Beasts", "entries": [SILLYTAVERN_ENTRY]},
    },
}
V3_RISU = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V3_DATA,
        "name": "エレナ",
        "description": "日本語と🐙 emoji \u202e and \ufeff marks, \u2028 separators, \ud7ff",
        "extensions": {
            "risuai": {
                "bias": [],
                "viewScreen": "none",
                "customScripts": [{"in": "(a+)+b", "out": "", "type": "editinput"}],
            }
        },
    },
}
V3_SPARE = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Spare"}}

CARDS: dict[str, dict[str, Any]] = {
    "v1": V1,
    "v1 with unknown fields": {**V1, "avatar": "none", "extra": {"a": [1, None]}},
    "pygmalion": PYGMALION,
    "v2": V2,
    "v2 mirrored at the top": V2_MIRRORED,
    "v2 with nulls": V2_NULLS,
    "v2 with odd types": V2_ODD,
    "v2 without spec": {"data": V2_DATA},
    "v3": V3,
    "v3 with nulls": V3_NULLS,
    "v3 of a newer version": V3_NEWER,
    "v3 by SillyTavern": V3_SILLYTAVERN,
    "v3 by RisuAI": V3_RISU,
    "v3 with a name alone": V3_SPARE,
}

WORLD = {
    "name": "Coast",
    "entries": {
        "0": {
            "uid": 0,
            "key": ["seal"],
            "keysecondary": ["pup"],
            "comment": "Seals",
            "content": "Grey seals pup in November.",
            "constant": False,
            "vectorized": False,
            "selective": True,
            "selectiveLogic": 2,
            "addMemo": True,
            "order": 90,
            "position": 0,
            "disable": False,
            "excludeRecursion": False,
            "preventRecursion": True,
            "delayUntilRecursion": 0,
            "probability": 100,
            "useProbability": True,
            "depth": 4,
            "group": "",
            "groupOverride": False,
            "groupWeight": 100,
            "scanDepth": None,
            "caseSensitive": None,
            "matchWholeWords": True,
            "role": None,
            "sticky": 0,
            "cooldown": None,
            "displayIndex": 0,
            "characterFilter": {"isExclude": False, "names": [], "tags": []},
        },
        "7": {
            "uid": 7,
            "key": ["tide"],
            "content": "Twice a day.",
            "disable": True,
            "probability": 10,
            "useProbability": False,
        },
    },
    "originalData": {"a": 1},
}

# Text that PostgreSQL can store.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
extensions = st.dictionaries(
    texts.filter(lambda name: name not in (KEPT, "whisperengine", "depth_prompt", "talkativeness")),
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts | st.lists(texts, max_size=2),
    max_size=2,
)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Valid CDL documents: any of the fields, each with any value that the schema allows."""
    return _values(SCHEMA)


def _values(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    types = schema["type"]
    return st.one_of([_of_type(name, schema) for name in ([types] if isinstance(types, str) else types)])


def _of_type(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum", 0), schema.get("maximum", 10**6)
    match name:
        case "string" if "pattern" in schema:
            return st.just(schema["examples"][0])
        case "string":
            return texts
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.integers(low, high) | st.floats(low, high, allow_nan=False)
        case "array":
            return st.lists(_values(schema["items"]), max_size=2)
    if "additionalProperties" in schema:
        return st.dictionaries(texts, _values(schema["additionalProperties"]), max_size=2)
    if "properties" not in schema:
        return extensions
    parts = {name: _values(part) for name, part in schema["properties"].items()}
    required = {name: parts[name] for name in schema.get("required", ())}

    def chosen(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({**required, **{name: parts[name] for name in names}})

    least = schema.get("minProperties", 0)
    return st.lists(st.sampled_from(sorted(parts)), min_size=least, max_size=4, unique=True).flatmap(chosen)
