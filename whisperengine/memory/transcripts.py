"""Talks kept by other programs, read as messages: ChatGPT's `conversations.json`, SillyTavern's chats, and plain lists
of facts.

Every message gets a key made from its source, so that the same file twice adds nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from whisperengine.errors import RequestError
from whisperengine.memory.history import Said

TEXT_CHARS = 8_000

# SillyTavern has written all of these.
_TIMES = ("%B %d, %Y %I:%M%p", "%B %d, %Y %I:%M %p", "%Y-%m-%d @%Hh %Mm %Ss %fms", "%Y-%m-%d@%Hh%Mm%Ss")


@dataclass(frozen=True, slots=True)
class Transcript:
    """One talk, oldest message first. `channel` names it; `facts` are sentences that stand outside any talk."""

    channel: str
    title: str
    said: list[Said]
    facts: tuple[str, ...] = ()


def read(path: Path) -> list[Transcript]:
    """The talks of a file, told apart by its content. Raises RequestError for a file that is none of these."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read as text ({error}).", code="invalid_transcript") from None
    if path.suffix == ".txt":
        facts = tuple(line.strip(" -*\t")[:300] for line in text.splitlines() if line.strip(" -*\t"))
        return [Transcript("import:memories", path.name, [], facts)]
    if path.suffix == ".jsonl":
        return [_sillytavern(text, path)]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError(
            f"{path} is no JSON. Give it as the other program wrote it.", code="invalid_transcript"
        ) from None
    if isinstance(document, list) and all(isinstance(talk, dict) and "mapping" in talk for talk in document):
        return [transcript for talk in document if (transcript := _chatgpt(talk)).said]
    raise RequestError(
        f"{path} is neither ChatGPT's conversations.json, SillyTavern's .jsonl, a .txt with a fact on each line, "
        "nor an export of this program.",
        code="invalid_transcript",
    )


def _chatgpt(talk: dict[str, Any]) -> Transcript:
    """The branch that was shown last: from the current node up to the root.

    Other branches were thrown away by the person.
    """
    mapping = talk.get("mapping")
    talk_id = str(talk.get("conversation_id") or talk.get("id") or _hash(json.dumps(talk, sort_keys=True)))
    said: list[Said] = []
    seen: set[str] = set()
    name = talk.get("current_node")
    last = datetime.fromtimestamp(float(talk.get("create_time") or 0), UTC)
    while isinstance(mapping, dict) and isinstance(name, str) and name in mapping and name not in seen:
        seen.add(name)
        node = mapping[name] if isinstance(mapping[name], dict) else {}
        message = node.get("message")
        message = message if isinstance(message, dict) else {}
        text = _parts(message)
        role = (message.get("author") or {}).get("role")
        if text and role in ("user", "assistant"):
            moment = message.get("create_time")
            at = datetime.fromtimestamp(float(moment), UTC) if moment else last
            said.append(Said(at, role == "user", role, text, f"chatgpt:{talk_id}:{name}"))
        name = node.get("parent")
    said.sort(key=lambda message: message.said_at)
    return Transcript(f"import:chatgpt:{talk_id}", str(talk.get("title") or "ChatGPT")[:200], _rising(said))


def _parts(message: dict[str, Any]) -> str:
    content = message.get("content")
    parts = (
        content.get("parts") if isinstance(content, dict) and content.get("content_type") in (None, "text") else None
    )
    if not isinstance(parts, list):
        return ""
    return "\n".join(part for part in parts if isinstance(part, str)).strip()[:TEXT_CHARS]


def _sillytavern(text: str, path: Path) -> Transcript:
    """One message a line; the first line may be a header. Of several swipes the one that was shown last is taken."""
    said: list[Said] = []
    name = _hash(path.stem)
    last = datetime(2023, 1, 1, tzinfo=UTC)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise RequestError(f"{path} line {number} is no JSON. Give the file as SillyTavern wrote it.") from None
        if not isinstance(row, dict) or not isinstance(row.get("mes"), str) or row.get("is_system"):
            continue
        content = row["mes"].strip()[:TEXT_CHARS]
        if content:
            last = _moment(row.get("send_date"), last)
            speaker = str(row.get("name") or "")[:100]
            said.append(Said(last, bool(row.get("is_user")), speaker, content, f"sillytavern:{name}:{number}"))
    if not said:
        raise RequestError(f"{path} holds no messages in SillyTavern's form.", code="invalid_transcript")
    return Transcript(f"import:sillytavern:{name}", path.stem[:200], _rising(said))


def _moment(value: Any, last: datetime) -> datetime:
    """A send date in any of SillyTavern's forms; a minute after the last message where it cannot be read."""
    if isinstance(value, int | float) and value > 0:
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except ValueError:
            for form in _TIMES:
                try:
                    return datetime.strptime(value.strip(), form).replace(tzinfo=UTC)
                except ValueError:
                    continue
    return last + timedelta(minutes=1)


def _rising(said: list[Said]) -> list[Said]:
    """The same messages with times that never go back, whatever a clock did."""
    risen: list[Said] = []
    for message in said:
        at = max(message.said_at, risen[-1].said_at) if risen else message.said_at
        risen.append(Said(at, message.by_person, message.speaker, message.content, message.key))
    return risen


def batches(transcript: Transcript, size: int) -> Iterator[list[Said]]:
    """Messages in order, `size` at a time."""
    for start in range(0, len(transcript.said), size):
        yield transcript.said[start : start + size]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
