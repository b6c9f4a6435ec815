"""Characters of WhisperEngine 1: its YAML export (`schema_version: "2.0"`) and the JSON before it (`cdl_version:
"1.0"`).

The old program wrote numbers as text ('0.80') and lists now bare, now under `entries` or `patterns`; all of it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from whisperengine.characters.cards import name_for, without_original
from whisperengine.characters.definition import CDL_VERSION, slug
from whisperengine.characters.mapping import (
    ABSENT,
    KEPT,
    UNFIT,
    UNKNOWN,
    Lost,
    beyond,
    equal,
    fit,
    get,
    paths_in,
    put,
    read,
    rule,
    schema_at,
    unplaced,
    write,
)

Kind = Literal["yaml-2.0", "legacy-json"]

_MACHINE = {"id", "sort_order", "display_order", "created_date", "character_id"}


def _archetype(value: Any) -> Any:
    text = str(value).strip().lower().replace("_", "-")
    if text in ("real-world", "fantasy", "narrative-ai"):
        return text
    return {"mythological": "fantasy", "fantasy-mystical": "fantasy"}.get(text, "real-world")


def _trait_number(value: Any, _there: Any) -> Any:
    return value.get("value", ABSENT) if isinstance(value, dict) else value


_BIG_FIVE = tuple(
    rule(f"personality.big_five.{name}", f"personality.big_five.{name}", lambda value: value, _trait_number)
    for name in ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
)


def _entries(ours: str, inner: str, names: Mapping[str, str]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Reader and writer of a list of objects whose fields `names` renames (theirs -> ours; of several for one, the
    first is written).
    """
    schema = schema_at(tuple(ours.split("."))).get("items", {})
    back = {mine: theirs for theirs, mine in reversed(list(names.items()))}

    def read_one(item: Any) -> Any:
        if not isinstance(item, dict):
            return item
        renamed: dict[str, Any] = {}
        for name, value in item.items():
            if name not in _MACHINE and value not in (None, ""):
                renamed.setdefault(names.get(name, name), value)
        return fit(renamed, schema, "", [])

    def listed(value: Any) -> list[Any]:
        value = value.get(inner) if isinstance(value, dict) else value
        return value if isinstance(value, list) else []

    def read_all(value: Any) -> Any:
        found = [read_one(item) for item in listed(value)]
        return [item for item in found if item is not ABSENT] or ABSENT

    def write_all(value: list[Any], there: Any) -> Any:
        raws = [(raw, read_one(raw)) for raw in listed(there)]
        written = []
        for item in value:
            raw = next((raw for raw, reading in raws if equal(reading, item)), None)
            detailed = {"text": item} if isinstance(item, str) else item
            written.append({back.get(name, name): part for name, part in detailed.items()} if raw is None else raw)
        return {**there, inner: written} if isinstance(there, dict) else {inner: written}

    return read_all, write_all


_BACKGROUND = {"title": "title", "category": "category", "description": "text", "content": "text", "period": "period"}
_BACKGROUND |= {"timeframe": "period", "date_range": "dates", "importance_level": "importance"}
_INTERESTS = {"category": "category", "interest_text": "text", "proficiency_level": "proficiency"}
_COMMUNICATION = {"pattern_type": "kind", "pattern_name": "name", "pattern_value": "text", "pattern": "text"}
_COMMUNICATION |= {"description": "details", "usage_frequency": "frequency"}
_SPEECH = {"pattern_type": "kind", "pattern_value": "text", "pattern": "text", "usage_frequency": "frequency"}
_GUIDELINES = {
    "guideline_type": "kind",
    "guideline_name": "name",
    "guideline_content": "text",
    "is_critical": "critical",
}
_ITEMS = {"item_type": "kind", "item_text": "text"}
_MODES = {"mode_name": "name", "mode_description": "text", "response_style": "style", "length_guideline": "length"}
_MODES |= {"tone_adjustment": "tone", "conflict_resolution_priority": "priority"}

YAML_RULES = (
    rule("name", "identity.full_name"),
    rule("identity.name", "identity.full_name"),
    rule("metadata.normalized_name", "name", lambda value: slug(str(value))),
    rule("identity.occupation", "identity.occupation"),
    rule("identity.description", "identity.description"),
    rule("identity.location", "identity.location"),
    rule("identity.nickname", "identity.nickname"),
    rule("identity.archetype", "identity.archetype", _archetype),
    rule("identity.allow_full_roleplay_immersion", "identity.full_roleplay"),
    rule("identity.allow_full_roleplay", "identity.full_roleplay"),
    *_BIG_FIVE,
    rule("personality.values", "personality.values"),
    rule("background", "background", *_entries("background", "entries", _BACKGROUND)),
    rule("interests", "interests", *_entries("interests", "entries", _INTERESTS)),
    rule(
        "communication_patterns",
        "voice.communication",
        *_entries("voice.communication", "patterns", _COMMUNICATION),
    ),
    rule("speech_patterns", "voice.patterns", *_entries("voice.patterns", "patterns", _SPEECH)),
    rule(
        "response_style.guidelines",
        "conduct.guidelines",
        *_entries("conduct.guidelines", "guidelines", _GUIDELINES),
    ),
    rule("response_style.items", "conduct.guidelines", *_entries("conduct.guidelines", "items", _ITEMS)),
    rule("response_style.modes", "conduct.modes", *_entries("conduct.modes", "modes", _MODES)),
)

JSON_RULES = (
    rule("identity.full_name", "identity.full_name"),
    rule("identity.name", "identity.full_name"),
    rule("metadata.name", "identity.full_name"),
    *(
        rule(f"identity.{name}", f"identity.{name}")
        for name in ("nickname", "gender", "age", "occupation", "location", "description")
    ),
    rule("identity.archetype", "identity.archetype", _archetype),
    rule("metadata.version", "about.version"),
    rule("metadata.created_by", "about.creator"),
    rule("metadata.license", "about.license"),
    rule("metadata.tags", "about.tags"),
    *_BIG_FIVE,
    rule("personality.values", "personality.values"),
    rule("personality.communication_style.tone", "voice.tone"),
    rule("personality.communication_style.formality", "voice.formality"),
    rule("speech_patterns.vocabulary.preferred_words", "voice.vocabulary.prefer"),
    rule("speech_patterns.vocabulary.avoided_words", "voice.vocabulary.avoid"),
    rule("speech_patterns.sentence_structure", "voice.sentence_structure"),
    rule("speech_patterns.punctuation_style", "voice.punctuation"),
    rule("speech_patterns.response_length", "voice.length"),
    rule("emotional_profile.default_mood", "emotions.default_mood"),
    rule("emotional_profile.emotional_range", "emotions.baseline"),
    rule("capabilities.skills", "abilities"),
    rule("capabilities.knowledge_domains", "expertise"),
    rule("capabilities.limitations", "conduct.boundaries"),
    rule("growth_arc.learning_goals", "goals"),
)


def kind_of(value: Any) -> Kind | None:
    """Which of the two formats a value is, or None."""
    if not isinstance(value, dict) or "cdl" in value:
        return None
    if isinstance(value.get("character"), dict):
        return "legacy-json"
    identity, metadata = value.get("identity"), value.get("metadata")
    if isinstance(metadata, dict) and "schema_version" in metadata:
        return "yaml-2.0"
    return "yaml-2.0" if isinstance(identity, dict) and ("name" in value or "name" in identity) else None


def read_legacy(value: Mapping[str, Any], kind: Kind, notes: list[str]) -> dict[str, Any]:
    """The old definition as a CDL document, unchecked; the old one is kept under `extensions`. What had no place is
    told in `notes`.
    """
    dropped: list[str] = []
    document = _mapped(value, kind, dropped)
    document["cdl"] = CDL_VERSION
    document.setdefault("name", name_for(document))
    put(document, ("extensions", KEPT), {"format": kind, "document": dict(value)})
    notes += [Lost(path, UNFIT) for path in dropped]
    if kind == "yaml-2.0" and value.get("legacy_cdl_data"):
        notes.append(Lost("legacy_cdl_data", UNKNOWN))
    return document


def write_legacy(document: Mapping[str, Any], kind: Kind, notes: list[str]) -> dict[str, Any]:
    """The definition in the old format. What has no place there, or was only gathered from several of its fields, is
    told in `notes`.
    """
    document, kept = without_original(document)
    original = kept.get("document") if kept.get("format") == kind else None
    if not isinstance(original, dict) or kind_of(original) != kind:
        original = {}
    before = _mapped(original, kind, []) if original else {}
    rules = YAML_RULES if kind == "yaml-2.0" else JSON_RULES
    if kind == "legacy-json":
        inner = write(rules, document, original.get("character", {}), before)
        result = (
            {**original, "character": inner}
            if original
            else {"cdl_version": "1.0", "format": "json", "character": inner}
        )
    else:
        result = write(rules, document, original, before)
        if not original or kind_of(result) != kind:
            result.setdefault("name", document["name"])
            result["metadata"] = {"normalized_name": document["name"], "is_active": True, "schema_version": "2.0"}
    rest = unplaced(rules, {name: value for name, value in document.items() if name not in ("cdl", "name")})
    rest = beyond(rest, before) if rest else ABSENT
    if rest is not ABSENT:
        notes.append(f"No place in this format, and not in the file: {', '.join(paths_in(rest))}.")
    return result


def _mapped(value: Mapping[str, Any], kind: Kind, dropped: list[str]) -> dict[str, Any]:
    if kind == "yaml-2.0":
        return read(YAML_RULES, value, dropped)
    character = value.get("character")
    if not isinstance(character, dict):
        return {}
    document = read(JSON_RULES, character, dropped)
    for path, found in _gathered(character).items():
        found = found[0] if path == ("conversation", "greeting") else found
        fitted = fit(found, schema_at(path), ".".join(path), dropped)
        if fitted is not ABSENT and fitted:
            put(document, path, fitted)
    return document


def _gathered(character: Mapping[str, Any]) -> dict[tuple[str, ...], list[Any]]:
    """Lists of CDL that the old JSON spread over several fields: one way only."""

    def at(path: str) -> Any:
        return get(character, tuple(path.split(".")))

    style = _pairs(at("personality.communication_style"), {"tone", "formality"})
    words = _pairs(at("speech_patterns.vocabulary"), {"preferred_words", "avoided_words"})
    starters = _texts(at("behavioral_patterns.conversation_starters"))
    told: dict[tuple[str, ...], list[Any]] = {
        ("personality", "traits"): _texts(at("personality.traits")),
        ("voice", "communication"): [{"kind": name, "text": text} for name, text in style + words],
        ("background",): [
            *({"text": text} for text in _texts(at("background.summary"))),
            *({"category": "education", "text": text} for text in _texts(at("background.education"))),
            *(_experience(item) for item in _items(at("background.experience"))),
        ],
        ("memories",): [_memory(item) for item in _items(at("background.key_memories"))],
        ("relationships",): [
            {"kind": name, **({"text": item} if isinstance(item, str) else item)}
            for name, people in _mapping(at("background.relationships")).items()
            for item in _items(people)
        ],
        ("personality", "attributes"): [
            *({"category": "language", "text": text} for text in _texts(at("capabilities.languages"))),
            *({"category": "coping", "text": text} for text in _texts(at("emotional_profile.coping_mechanisms"))),
            *({"category": name, "text": text} for name, text in _pairs(at("behavioral_patterns.decision_making"))),
            *({"category": name, "text": text} for name, text in _pairs(at("growth_arc"), {"learning_goals"})),
        ],
        ("conduct", "triggers"): [
            {"text": name.replace("_", " "), "response": text}
            for name, text in _pairs(at("behavioral_patterns.response_patterns"))
        ],
        ("conduct", "guidelines"): [
            {"name": name.replace("_", " "), "text": text}
            for name, text in _pairs(at("relationships_dynamics.with_users"))
        ],
        ("emotions", "triggers"): [
            {"kind": name, "text": text} for name, text in _pairs(at("emotional_profile.triggers"))
        ],
        ("conversation", "greeting"): starters[:1],
        ("conversation", "alternate_greetings"): starters[1:],
    }
    return {path: found for path, found in told.items() if found}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return [item for item in value if isinstance(item, (str, dict)) and item] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    """Every text in a text, a list or an object of such."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def _pairs(value: Any, without: set[str] | frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    return [(name, text) for name, item in _mapping(value).items() if name not in without for text in _texts(item)]


def _experience(item: Any) -> Any:
    if not isinstance(item, dict):
        return {"category": "career", "text": item}
    skills = ", ".join(_texts(item.get("skills")))
    text = " ".join(part for part in (*_texts(item.get("description")), f"Skills: {skills}." if skills else "") if part)
    return {"category": "career", "title": item.get("role"), "text": text, "dates": item.get("duration")}


def _memory(item: Any) -> Any:
    if not isinstance(item, dict):
        return {"text": item}
    text = " ".join(
        [*_texts(item.get("description")), *_texts(item.get("learned")), *_texts(item.get("emotional_impact"))]
    )
    return {"title": item.get("event"), "text": text}
