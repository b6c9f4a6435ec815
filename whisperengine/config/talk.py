"""Memory and characters."""

from __future__ import annotations

from dataclasses import dataclass

from whisperengine.variables import env, flag, one_of, whole


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Variables of the groups Memory, Characters."""

    # Memory
    learning: str = one_of(
        "LEARNING",
        "auto",
        ("auto", "patterns", "off"),
        "Memory",
        "Facts and summaries after a turn: `patterns` without a model, `auto` also with the model where one is "
        "connected.",
        setting="memory.learning",
    )
    memory_retention_days: int = whole(
        "MEMORY_RETENTION_DAYS",
        0,
        0,
        36_500,
        "Memory",
        "Messages older than this many days are deleted with what was learned from them; 0 keeps them.",
        setting="memory.retention_days",
    )

    llm_vision: bool = flag(
        "LLM_SUPPORTS_VISION",
        False,
        "Language model",
        "The model can see: images of callers are passed to it.",
        setting="llm.vision",
    )
    llm_image_urls: bool = flag(
        "LLM_IMAGE_URLS",
        False,
        "Language model",
        "Pass images that are given as public https:// URLs, which the model's endpoint then fetches; data URLs "
        "always.",
        setting="llm.image_urls",
    )

    # Characters
    bot_name: str = env(
        "DISCORD_BOT_NAME", "", "Characters", "Name of the default character (also read from BOT_NAME)."
    )
    character_name: str = env(
        "CHARACTER_NAME",
        "",
        "Characters",
        "Name of the default character when DISCORD_BOT_NAME is not set.",
        default_text="assistant",
        setting="character.default",
    )
