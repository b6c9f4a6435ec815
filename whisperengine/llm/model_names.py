"""Which of the models that a server lists can hold a conversation: the list has names only, so the name must tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_NO_CHAT = re.compile(
    r"embed|minilm|rerank|(^|[/_-])(bge|gte|e5|sfr|bce|paraphrase|colbert)[-_:]|whisper|transcri|(^|[/_-])tts|dall-?e|(^|[/_-])image|moderation"
    r"|stable-diffusion|sora|realtime|davinci-00|babbage-00",
    re.IGNORECASE,
)


def listed(document: Any) -> list[str] | None:
    """Names in the answer to GET /models, in the server's order; None when it is no such answer.

    Ollama without any model says `"data": null`.
    """
    if not isinstance(document, Mapping) or "data" not in document:
        return None
    entries = document["data"] or []
    if not isinstance(entries, list):
        return None
    names = (entry.get("id") for entry in entries if isinstance(entry, Mapping))
    return [name for name in names if isinstance(name, str) and name]


def first_chat_model(names: Iterable[str]) -> str:
    """The first name that is not one of an embedding, speech, image or moderation model; empty when there is none."""
    return next((name for name in names if not _NO_CHAT.search(name)), "")
