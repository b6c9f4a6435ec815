"""The recent talk of channels, with names, and messages in words: what the model is told of a place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from whisperengine.discord.mentions import Names, display_name, readable

LINES = 25
CHANNELS = 2_000
LINE_CHARS = 500

_CARRIERS = ("attachments", "sticker_items", "poll", "message_snapshots")


@dataclass(slots=True)
class Line:
    name: str
    text: str


class Talk:
    """The last lines of each channel by message id, as long as the process lives. Nothing of it is stored."""

    def __init__(self) -> None:
        self._channels: OrderedDict[str, dict[str, Line]] = OrderedDict()
        self._begun: set[str] = set()

    def begun(self, channel: str) -> bool:
        """Whether what was said before the bot listened is known."""
        return channel in self._begun

    def add(self, channel: str, message: str, line: Line) -> None:
        """Add a line; one that is known already changes in its place."""
        lines = self._channels.get(channel)
        if lines is None:
            lines = self._channels[channel] = {}
            if len(self._channels) > CHANNELS:
                self._begun.discard(self._channels.popitem(last=False)[0])
        else:
            self._channels.move_to_end(channel)
        lines[message] = line
        if len(lines) > LINES:
            del lines[next(iter(lines))]

    def begin(self, channel: str, earlier: dict[str, Line]) -> None:
        """What was said before the bot listened, oldest first."""
        lines = {**earlier, **self._channels.get(channel, {})}
        self._channels[channel] = dict(list(lines.items())[-LINES:])
        self._begun.add(channel)

    def remove(self, channel: str, message: str) -> None:
        self._channels.get(channel, {}).pop(message, None)

    def before(self, channel: str, message: str) -> str:
        """The lines before a message, one "name: text" each."""
        said = []
        for known, line in self._channels.get(channel, {}).items():
            if known == message:
                break
            # A name with a colon would put words into somebody else's mouth.
            said.append(f"{line.name.replace(':', ' ')}: {' '.join(line.text.split())}")
        return "\n".join(said)


def line_of(message: dict[str, Any], names: Callable[[], Names]) -> Line:
    """A message as one line of talk; `names` is asked only where ids have to be read. Raises KeyError for a malformed
    one.
    """
    author, text = message["author"], message.get("content")
    plain = isinstance(text, str) and "<" not in text and not any(map(message.get, _CARRIERS))
    said = text if plain and text else describe(message, names())
    return Line(display_name(author, message.get("member")), said[:LINE_CHARS])


def describe(message: dict[str, Any], names: Names, *, me: str = "") -> str:
    """What a message says, in words: its text, and in brackets what else it carries."""
    said = [readable(message.get("content") or "", names, me=me), *_carried(message, names)]
    return "\n".join(part for part in said if part)


def _carried(message: dict[str, Any], names: Names) -> Iterator[str]:
    for attachment in _dicts(message.get("attachments")):
        kind = str(attachment.get("content_type") or "file").partition("/")[0]
        told = [_short(attachment.get("filename")), _short(attachment.get("description"), 300)]
        yield f"[{'picture' if kind == 'image' else kind}: {', '.join(part for part in told if part)}]"
    for sticker in _dicts(message.get("sticker_items")):
        yield f"[sticker: {_short(sticker.get('name'))}]"
    poll = message.get("poll")
    if isinstance(poll, dict):
        question = _short((poll.get("question") or {}).get("text"), 300)
        choices = [_short((answer.get("poll_media") or {}).get("text")) for answer in _dicts(poll.get("answers"))]
        yield f"[poll: {question} Choices: {'; '.join(choices)}]"
    for snapshot in _dicts(message.get("message_snapshots")):
        forwarded = snapshot.get("message")
        if isinstance(forwarded, dict):
            yield f"[forwarded: {_short(describe({**forwarded, 'message_snapshots': None}, names), 1500)}]"


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _short(value: Any, limit: int = 100) -> str:
    return " ".join(str(value or "").split())[:limit]
