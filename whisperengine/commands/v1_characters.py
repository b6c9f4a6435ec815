"""Characters of WhisperEngine 1: from some forty tables to one document each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from whisperengine.characters.definition import Definition, parse, slug
from whisperengine.characters.legacy import read_legacy
from whisperengine.characters.mapping import ABSENT, KEPT, fit, put, schema_at
from whisperengine.commands.v1_tables import Row, rows
from whisperengine.errors import WhisperEngineError

BIG_FIVE = {"openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"}

# Tables whose rows are entries of a list of the document: table, path, ours to theirs.
LISTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "character_memories",
        "memories",
        {
            "title": "title",
            "kind": "memory_type",
            "text": "description",
            "period": "time_period",
            "emotional_impact": "emotional_impact",
            "importance": "importance_level",
            "triggers": "triggers",
        },
    ),
    (
        "character_relationships",
        "relationships",
        {
            "name": "related_entity",
            "kind": "relationship_type",
            "strength": "relationship_strength",
            "text": "description",
            "status": "status",
            "communication_style": "communication_style",
            "memory_sharing": "memory_sharing",
            "name_usage": "name_usage",
            "nature": "connection_nature",
            "recognition": "recognition_pattern",
        },
    ),
    (
        "character_abilities",
        "abilities",
        {
            "name": "ability_name",
            "category": "category",
            "level": "proficiency_level",
            "text": "description",
            "origin": "development_method",
            "frequency": "usage_frequency",
        },
    ),
    (
        "character_expertise_domains",
        "expertise",
        {
            "name": "domain_name",
            "level": "expertise_level",
            "text": "domain_description",
            "teaching": "teaching_approach",
        },
    ),
    (
        "character_current_goals",
        "goals",
        {"text": "goal_text", "priority": "priority", "timeframe": "timeframe", "status": "status"},
    ),
    ("character_directives", "conduct.directives", {"text": "directive_text", "kind": "directive_type"}),
)

# Tables with one row for a character: table, ours to theirs.
SINGLES: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "character_identity_details",
        {
            "identity.full_name": "full_name",
            "identity.nickname": "nickname",
            "identity.gender": "gender",
            "identity.location": "location",
        },
    ),
    (
        "character_voice_profile",
        {
            "voice.tone": "tone",
            "voice.pace": "pace",
            "voice.volume": "volume",
            "voice.accent": "accent",
            "voice.sentence_structure": "sentence_structure",
            "voice.punctuation": "punctuation_style",
            "voice.length": "response_length_guidance",
        },
    ),
    (
        "character_current_context",
        {
            "present.living_situation": "living_situation",
            "present.daily_routine": "daily_routine",
            "present.recent_events": "recent_events",
        },
    ),
    ("character_emotion_profile", {"emotions.default_mood": "default_mood"}),
)

# Attributes by category, words by preference: lists of texts.
TEXTS = (
    ("character_attributes", "category", "description", "fear", "personality.fears"),
    ("character_attributes", "category", "description", "dream", "personality.dreams"),
    ("character_attributes", "category", "description", "quirk", "personality.quirks"),
    ("character_vocabulary", "preference", "word_or_phrase", "prefer", "voice.vocabulary.prefer"),
    ("character_vocabulary", "preference", "word_or_phrase", "avoid", "voice.vocabulary.avoid"),
)

# What the old program's own YAML export holds: read by the same rules as such a file.
EXPORTED = {
    ("background", "entries"): "character_background",
    ("interests", "entries"): "character_interests",
    ("communication_patterns", "patterns"): "character_communication_patterns",
    ("speech_patterns", "patterns"): "character_speech_patterns",
    ("response_style", "guidelines"): "character_response_guidelines",
    ("response_style", "modes"): "character_response_modes",
}


@dataclass
class Found:
    """One character: its definition, or why it has none; what of it has no place."""

    name: str
    definition: Definition | None
    lost: list[str] = field(default_factory=list)
    problem: str = ""


async def characters(connection: asyncpg.Connection) -> list[Found]:
    """Every character of the old database."""
    tables = {name for name, _, _ in LISTS} | {name for name, _ in SINGLES} | {row[0] for row in TEXTS}
    tables |= set(EXPORTED.values()) | {"personality_traits", "character_values", "character_response_style_items"}
    content = {table: await rows(connection, table) for table in sorted(tables)}
    found = []
    for row in await rows(connection, "characters", ("id",)):
        own = {
            table: [each for each in each_table if each.get("character_id") == row["id"] and each.get("active", True)]
            for table, each_table in content.items()
        }
        found.append(_character(row, own))
    return found


def _character(row: Row, own: Mapping[str, list[Row]]) -> Found:
    name = slug(str(row.get("normalized_name") or row["name"]))
    lost: list[str] = []
    document = read_legacy(_exported(row, own), "yaml-2.0", [])
    document.get("extensions", {}).pop(KEPT, None)
    document["name"] = name
    for table, path, names in LISTS:
        entries = [{ours: each.get(theirs) for ours, theirs in names.items()} for each in own[table]]
        _put(document, path, [{key: value for key, value in entry.items() if value} for entry in entries], lost)
    for table, names in SINGLES:
        for each in own[table][:1]:
            for path, theirs in names.items():
                _put(document, path, each.get(theirs), lost)
    for table, column, text, wanted, path in TEXTS:
        _put(document, path, [each[text] for each in own[table] if str(each.get(column)).lower() == wanted], lost)
    try:
        return Found(name, parse(document), lost)
    except WhisperEngineError as error:
        return Found(name, None, lost, str(error))


def _exported(row: Row, own: Mapping[str, list[Row]]) -> dict[str, Any]:
    """The character as the old program's YAML export has it."""
    traits = own["personality_traits"]
    document: dict[str, Any] = {
        "name": row["name"],
        "metadata": {"schema_version": "2.0"},
        "identity": {
            "name": row["name"],
            "occupation": row.get("occupation"),
            "description": row.get("description"),
            "archetype": row.get("archetype"),
            "allow_full_roleplay_immersion": row.get("allow_full_roleplay"),
        },
        "personality": {
            "big_five": {
                each["trait_name"].lower(): str(each["trait_value"])
                for each in traits
                if each["trait_name"].lower() in BIG_FIVE and each.get("trait_value") is not None
            },
            "values": [each["value_description"] for each in own["character_values"]],
        },
    }
    for (section, inner), table in EXPORTED.items():
        if own[table]:
            document.setdefault(section, {})[inner] = [_plain(each) for each in own[table]]
    return document


def _plain(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if isinstance(value, (str, int, float, bool, list))}


def _put(document: dict[str, Any], path: str, value: Any, lost: list[str]) -> None:
    place = tuple(path.split("."))
    if value in (None, "", []):
        return
    fitted = fit(value, schema_at(place), path, lost)
    if fitted is not ABSENT and fitted != []:
        put(document, place, fitted)
