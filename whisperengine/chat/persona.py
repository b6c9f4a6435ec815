"""A character's definition as prompt text. Every field of CDL that describes the character is written here, in one
order, as plain directions.

The text depends on the definition alone, so it is byte-identical from turn to turn and providers' prompt caches hit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from whisperengine.characters.schema import fields

BIG_FIVE = {
    "openness": ("curious, imaginative, drawn to new ideas", "practical and conventional, prefers what is proven"),
    "conscientiousness": ("organised, careful and reliable", "spontaneous and easy-going about plans"),
    "extraversion": ("outgoing, talkative and energetic", "reserved, quiet, thoughtful before speaking"),
    "agreeableness": ("warm, cooperative and forgiving", "blunt, sceptical and ready to disagree"),
    "neuroticism": ("sensitive, easily worried, feels things strongly", "calm, steady, hard to upset"),
}

EMOJI = {
    "none": "Never use emoji.",
    "minimal": "Almost never use emoji.",
    "low": "Use an emoji now and then.",
    "moderate": "Use emoji where they fit.",
    "high": "Use emoji often.",
    "selective_symbolic": "Use emoji rarely, as symbols that carry meaning.",
}

# Where each part of a definition stands in the text. A path that is not here is data (docs/cdl.md says so of each
# field).
_LEADS: tuple[tuple[str, str, str], ...] = (
    ("identity", "identity.appearance", "Appearance"),
    ("identity", "identity.essence", "Nature"),
    ("identity", "identity.roleplay.philosophy", "View of role-play"),
    ("identity", "identity.roleplay.strategy", "Way of role-play"),
    ("identity", "present.living_situation", "Lives"),
    ("identity", "present.daily_routine", "Daily routine"),
    ("identity", "present.recent_events", "Lately"),
    ("personality", "personality.summary", ""),
    ("personality", "personality.traits", "Traits"),
    ("personality", "personality.values", "Values"),
    ("personality", "personality.fears", "Fears"),
    ("personality", "personality.dreams", "Dreams"),
    ("personality", "personality.quirks", "Quirks"),
    ("personality", "personality.attributes", "Also"),
    ("voice", "voice.tone", "Tone"),
    ("voice", "voice.pace", "Pace"),
    ("voice", "voice.volume", "Volume"),
    ("voice", "voice.accent", "Accent"),
    ("voice", "voice.sentence_structure", "Sentences"),
    ("voice", "voice.punctuation", "Punctuation"),
    ("voice", "voice.length", "Length of answers"),
    ("voice", "voice.formality", "Formality"),
    ("voice", "voice.traits", "Ways of speaking"),
    ("voice", "voice.vocabulary.prefer", "Words to prefer"),
    ("voice", "voice.vocabulary.avoid", "Words to avoid"),
    ("voice", "voice.catchphrases", "Catchphrases, used sparingly"),
    ("voice", "voice.patterns", "Speech patterns"),
    ("voice", "voice.communication", "Communication"),
    ("voice", "voice.expressions", "Expressions"),
    ("voice", "voice.emoji.patterns", "Emoji"),
    ("voice", "voice.examples", "Example lines"),
    ("background", "background", "Background"),
    ("background", "relationships", "People in this life"),
    ("background", "memories", "Own memories"),
    ("background", "goals", "Goals"),
    ("interests", "interests", "Interests"),
    ("interests", "expertise", "Expertise"),
    ("interests", "abilities", "Abilities"),
    ("interests", "curiosity.topics", "Likes to ask about"),
    ("interests", "curiosity.questions", "Questions to ask when they fit"),
    ("emotions", "emotions.default_mood", "Usual mood"),
    ("emotions", "emotions.range", "How feelings show"),
    ("emotions", "emotions.triggers", "What moves this character"),
    ("conduct", "conduct.directives", "Directives"),
    ("conduct", "conduct.general.energy", "Usual energy"),
    ("conduct", "conduct.general.style", "Usual style of talk"),
    ("conduct", "conduct.general.transition", "Changing the subject"),
    ("conduct", "conduct.general.patterns", "Patterns of talk"),
    ("conduct", "conduct.contexts", "In certain situations"),
    ("conduct", "conduct.triggers", "Reactions"),
    ("conduct", "conduct.scenarios", "When asked about what you are"),
    ("scene", "conversation.scenario", ""),
    ("examples", "conversation.example_dialogues", ""),
)

TITLES = {
    "identity": "WHO YOU ARE",
    "personality": "PERSONALITY",
    "voice": "VOICE",
    "background": "BACKGROUND",
    "interests": "INTERESTS AND SKILLS",
    "emotions": "FEELINGS",
    "always": "ALWAYS",
    "conduct": "CONDUCT",
    "scene": "SCENE",
    "examples": "EXAMPLES OF HOW YOU TALK (none of it has happened)",
}
REQUIRED = ("identity", "personality", "always")


def sections(document: Mapping[str, Any]) -> dict[str, str]:
    """The persona by section name (`identity`, `personality`, ...), in the order in which it is shown; empty sections
    are left out. Macros are not replaced yet.
    """
    lines: dict[str, list[str]] = {name: [] for name in TITLES}
    lines["identity"] += _identity(document)
    lines["personality"] += _big_five(document)
    for section, path, lead in _LEADS:
        lines[section] += _written(lead, _at(document, path), path)
    lines["voice"] += _voice_scales(document)
    lines["emotions"] += _baseline(document)
    lines["always"] += _always(document)
    lines["conduct"] += _written("Guidelines", _guidelines(document, critical=False), "conduct.guidelines")
    return {name: TITLES[name] + "\n" + "\n".join(found) for name, found in lines.items() if found}


def _identity(document: Mapping[str, Any]) -> list[str]:
    identity = document.get("identity") or {}
    full_name = identity.get("full_name")
    name = full_name or document.get("name", "")
    lines = [f"Name: {name}"]
    if identity.get("nickname"):
        lines.append(f"Called: {identity['nickname']}")
    for key in ("pronouns", "gender", "age", "birthday", "occupation", "location"):
        if identity.get(key) not in (None, ""):
            lines.append(f"{key.capitalize()}: {identity[key]}")
    if identity.get("description"):
        lines.append(str(identity["description"]))
    return lines


def _big_five(document: Mapping[str, Any]) -> list[str]:
    lines = []
    for trait, value in ((document.get("personality") or {}).get("big_five") or {}).items():
        note = ""
        if isinstance(value, Mapping):
            note = " ".join(str(value[key]) for key in ("intensity", "text") if value.get(key))
            value = value.get("value")
        if trait not in BIG_FIVE:
            continue
        high, low = BIG_FIVE[trait]
        text = ""
        if isinstance(value, int | float):
            strength = "very " if value >= 0.85 or value <= 0.15 else ""
            text = f"{strength}{high}" if value > 0.6 else f"{strength}{low}" if value < 0.4 else ""
        if text or note:
            lines.append("- " + (f"{text} ({note})" if text and note else text or f"{trait}: {note}"))
    return lines


def _voice_scales(document: Mapping[str, Any]) -> list[str]:
    voice = document.get("voice") or {}
    lines = []
    for key, high, low in (
        ("engagement", "Lead the talk: ask, suggest, follow up.", "Let the other lead; answer without pressing on."),
        ("expressiveness", "Show your feelings openly.", "Keep your feelings back; let them show in small signs."),
    ):
        value = voice.get(key)
        if isinstance(value, int | float) and not 0.4 <= value <= 0.6:
            lines.append(high if value > 0.6 else low)
    emoji = voice.get("emoji") or {}
    if emoji.get("frequency") in EMOJI:
        lines.append(EMOJI[emoji["frequency"]])
    habits = ", ".join(
        str(emoji[key]).replace("_", " ")
        for key in ("style", "combination", "placement", "age_demographic", "cultural_influence")
        if emoji.get(key) and emoji[key] != "general"
    )
    if habits and emoji.get("frequency") != "none":
        lines.append(f"Habits with emoji: {habits}.")
    return lines


def _baseline(document: Mapping[str, Any]) -> list[str]:
    baseline = (document.get("emotions") or {}).get("baseline") or {}
    strong = sorted(
        (-value, name)
        for name, value in baseline.items()
        if name != "neutral" and isinstance(value, int | float) and value >= 0.4
    )
    return ["At rest you feel mostly " + ", ".join(name for _, name in strong[:3]) + "."] if strong else []


def _always(document: Mapping[str, Any]) -> list[str]:
    """Critical guidelines and boundaries, which are never left out."""
    return [
        *_written("Guidelines", _guidelines(document, critical=True), "conduct.guidelines"),
        *_written(
            "Boundaries, which hold whatever is asked", _at(document, "conduct.boundaries"), "conduct.boundaries"
        ),
    ]


def _guidelines(document: Mapping[str, Any], *, critical: bool) -> list[Any]:
    return [
        item
        for item in _at(document, "conduct.guidelines") or []
        if critical == bool(isinstance(item, Mapping) and item.get("critical"))
    ]


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _written(lead: str, value: Any, path: str) -> list[str]:
    """A value under its lead: `Lead: text`, or one bullet for each entry, those of higher priority first."""
    if value in (None, "", [], {}):
        return []
    if isinstance(value, list):
        bullets = ["- " + text for text in (entry(item, path) for item in sorted(value, key=_rank)) if text]
        return [f"{lead}:", *bullets] if bullets else []
    return [f"{lead}: {value}" if lead else str(value)]


def _rank(item: Any) -> float:
    priority = item.get("priority") if isinstance(item, Mapping) else None
    return -float(priority) if isinstance(priority, int | float) else 0.0


_QUIET = frozenset({"text", "name", "title", "id", "display_order", "active", "extensions", "critical"})
_MOST = {field.path: field.schema["maximum"] for field in fields() if "maximum" in field.schema}
# What a number near the top of its scale says, and one near the bottom. A number between says nothing.
_SCALES: Mapping[str, tuple[str, str]] = {
    "value": ("strongly", "slightly"),
    "importance": ("matters greatly", "matters little"),
    "proficiency": ("good at it", "a beginner"),
    "level": ("masters it", "knows the basics"),
    "passion": ("loves it", "only out of duty"),
    "strength": ("close", "distant"),
    "emotional_impact": ("moved you deeply", "moved you little"),
    "intensity": ("strongly", "faintly"),
    "weight": ("irresistible", "only in passing"),
    "priority": ("urgent", "can wait"),
}


def entry(item: Any, path: str, *, without: frozenset[str] = frozenset()) -> str:
    """One entry of the list at `path` as a line: its text first, then what else is said of it. Numbers become words."""
    if not isinstance(item, Mapping):
        return str(item).strip()
    if item.get("active") is False:
        return ""
    head = str(item.get("text") or "").strip()
    named = next((str(item[key]) for key in ("name", "title") if item.get(key)), "")
    if named:
        head = f"{named}: {head}" if head else named
    extras = "; ".join(_extras(item, path, without))
    return f"{head} ({extras})" if head and extras else head or extras


def _extras(item: Mapping[str, Any], path: str, without: frozenset[str]) -> Iterator[str]:
    for key, value in item.items():
        if key in _QUIET or key in without or value in (None, "", [], {}):
            continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            if text := _graded(key, value, _MOST.get(f"{path}[].{key}")):
                yield text
        elif isinstance(value, list):
            yield f"{key.replace('_', ' ')}: " + ", ".join(filter(None, (entry(each, "") for each in value)))
        elif isinstance(value, str):
            yield f"{key.replace('_', ' ')}: {value}"


def _graded(key: str, value: float, most: float | None) -> str:
    # Priorities of 0..1000 only sort.
    if key not in _SCALES or most is None or most > 10:
        return ""
    high, low = _SCALES[key]
    return high if value >= 0.75 * most else low if value <= 0.25 * most else ""
