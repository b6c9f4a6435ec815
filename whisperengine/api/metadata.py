"""What an answer tells about itself: three levels, every value computed. What nothing computes is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from whisperengine.chat.turn import Turn, trajectory
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.emotion.trajectory import Felt, Trajectory
from whisperengine.memory.relationship import Relationship

LEVELS = ("basic", "standard", "extended")


def answer_body(turn: Turn, level: str, bot_name: str, timestamp: str) -> dict[str, Any]:
    """The fields of one answered turn at `level`."""
    body: dict[str, Any] = {
        "success": True,
        "response": turn.answer,
        "timestamp": timestamp,
        "bot_name": bot_name,
        "processing_time_ms": turn.milliseconds.get("total", 0.0),
        "memory_stored": turn.stored,
        "message_id": str(turn.message_id),
        "response_id": str(turn.answer_id),
        "llm": turn.llm,
        "repeated": turn.repeated,
    }
    if level == "basic":
        return body
    body["metadata"] = _standard(turn)
    if level == "extended":
        body["metadata"] |= _extended(turn)
        body["user_facts"] = user_facts(turn)
        body["relationship_metrics"] = percent(turn.relationship)
    return body


def percent(relationship: Relationship) -> dict[str, int]:
    """Affection, trust and attunement as whole numbers from 0 to 100."""
    return {name: round(getattr(relationship, name) * 100) for name in ("affection", "trust", "attunement")}


def user_facts(turn: Turn) -> dict[str, Any]:
    facts: dict[str, Any] = {"interaction_count": turn.relationship.interactions}
    if turn.person.display_name:
        facts["name"] = turn.person.display_name
    if turn.relationship.first_at:
        facts["first_interaction"] = turn.relationship.first_at.isoformat()
    if turn.relationship.last_at:
        facts["last_interaction"] = turn.relationship.last_at.isoformat()
    return facts


def feeling(reading: EmotionReading, *, fine: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {
        "primary_emotion": reading.primary,
        "intensity": reading.intensity,
        "confidence": reading.confidence,
        "analysis_method": reading.source,
        "mixed_emotions": [list(pair) for pair in reading.mixed],
        "all_emotions": reading.outside,
        "emotion_count": 1 + len(reading.mixed),
    }
    if fine and reading.fine:
        body["all_emotions_fine"] = reading.fine
    return body


def _standard(turn: Turn) -> dict[str, Any]:
    relationship = turn.relationship
    components: dict[str, Any] = {
        "emotion_data": feeling(turn.feeling),
        "emotion_analysis": feeling(turn.feeling),
        "relationship_state": {
            "trust": round(relationship.trust, 4),
            "affection": round(relationship.affection, 4),
            "attunement": round(relationship.attunement, 4),
            "interaction_count": relationship.interactions,
            "relationship_depth": relationship.depth,
        },
        "llm_time_ms": turn.milliseconds.get("model", 0.0),
    }
    if turn.answer_feeling:
        components["bot_emotion"] = feeling(turn.answer_feeling)
    components["emotional_trajectory_data"] = _trajectories(turn)
    return {
        "memory_count": len(turn.recollection.memories),
        "memory_stored": turn.stored,
        "processing_time_ms": turn.milliseconds.get("total", 0.0),
        "ai_components": components,
        "security_validation": {"is_safe": True, "warnings": []},
    }


def _trajectories(turn: Turn) -> dict[str, Any]:
    """Feelings over the last messages of both: the row, its pattern and its figures."""
    answer = turn.answer_feeling
    latest = [] if answer is None else [Felt(datetime.now(UTC), answer.primary, answer.intensity)]
    of_character = trajectory(turn.recollection, False, *latest)
    rows = {
        side: [each.feeling for each in turn.recollection.feelings if each.by_person == by_person]
        for side, by_person in (("user", True), ("bot", False))
    }
    return {
        "user_trajectory": [*rows["user"], turn.feeling.primary],
        "user_trajectory_pattern": turn.trajectory.pattern,
        "user": _figures(turn.trajectory),
        "bot_trajectory": [*rows["bot"], *(each.feeling for each in latest)],
        "bot_trajectory_pattern": of_character.pattern,
        "bot": _figures(of_character),
    }


def _figures(found: Trajectory) -> dict[str, Any]:
    return {
        "level": found.level,
        "trend": found.trend,
        "volatility": found.volatility,
        "dominant_emotion": found.dominant,
        "lasting_messages": found.lasting,
        "since_last_conversation": found.since_last,
        "confidence": found.confidence,
        "direction": found.direction,
    }


def _extended(turn: Turn) -> dict[str, Any]:
    memories = turn.recollection.memories
    relationship = turn.relationship
    definition = turn.character.definition
    extended: dict[str, Any] = {
        "vector_memory": {
            "memories_retrieved": len(memories),
            "average_relevance_score": round(sum(m.score for m in memories) / len(memories), 4) if memories else 0.0,
            "search_method": "bm25+cosine",
            "memories": [memory_body(memory) for memory in memories],
        },
        "character_context": {
            "character_name": turn.character.name,
            "character_version": turn.character.version,
            "personality_system": "cdl",
            "roleplay_immersion": definition.full_roleplay,
        },
        "relationship": {
            **percent(relationship),
            "relationship_level": relationship.depth,
            "interaction_count": relationship.interactions,
            "memory_depth": turn.recollection.total_messages,
        },
        "processing_pipeline": {
            **{f"{name}_ms": value for name, value in turn.milliseconds.items() if name != "total"},
            "total_processing_ms": turn.milliseconds.get("total", 0.0),
            "phases_completed": [name for name in turn.milliseconds if name != "total"],
        },
    }
    if turn.composed is not None:
        composed = turn.composed
        extended["character_state"] = {
            "mood": composed.state.mood.off,
            "response_mode": composed.mode or None,
            "brought_up": str(composed.brought_up) if composed.brought_up else None,
            "lorebook": composed.entered,
            "prompt_tokens_estimated": composed.tokens,
        }
    if turn.prompt_tokens is not None or turn.completion_tokens is not None:
        extended["usage"] = {"prompt_tokens": turn.prompt_tokens, "completion_tokens": turn.completion_tokens}
    extended["emotion_fine"] = {
        name: reading.fine
        for name, reading in (("user", turn.feeling), ("bot", turn.answer_feeling))
        if reading and reading.fine
    }
    return extended


def memory_body(memory: Any) -> dict[str, Any]:
    """A recalled memory with its scores by part."""
    return {
        "id": str(memory.message_id),
        "speaker": "user" if memory.by_person else "character",
        "content": memory.content,
        "said_at": memory.said_at.isoformat(),
        "score": round(memory.score, 4),
        "scores": {name: round(value, 4) for name, value in memory.scores.items()},
        "channel": memory.channel,
        "pinned": memory.pinned,
        "others": [str(id) for id in memory.others],
    }
