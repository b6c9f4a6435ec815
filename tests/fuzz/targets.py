"""What is fuzzed: each target takes bytes, and may raise only what its callers expect."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.support.card_samples import CARDS, WORLD
from tests.support.discord_garbage import GARBAGE
from whisperengine.characters.definition import parse
from whisperengine.characters.formats import export_bytes, import_bytes
from whisperengine.characters.png import SIGNATURE, chunk_bytes, text_chunk
from whisperengine.characters.text_files import read_yaml
from whisperengine.discord.address import Self, addressed, ignored
from whisperengine.discord.guilds import Guilds
from whisperengine.discord.inflate import Inflater, Undecodable
from whisperengine.discord.mentions import Names
from whisperengine.discord.talk import describe, line_of
from whisperengine.errors import LLMError, RequestError
from whisperengine.llm.endpoint import Endpoint
from whisperengine.llm.failures import Failures
from whisperengine.llm.reception import Reception
from whisperengine.llm.sse import EventParser, EventTooLarge


@dataclass(frozen=True, slots=True)
class Target:
    """`run` takes one input, `seeds` are inputs to begin with, `most` is the length in bytes at which inputs stop."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    most: int = 16_384


def card(data: bytes) -> None:
    """A file as somebody uploads it: JSON, YAML, PNG, CHARX or anything else; what is read can be written and told."""
    try:
        imported = import_bytes(data)
    except RequestError:
        return
    if imported.definition is not None:
        again = parse(imported.definition.document)
        assert again == imported.definition
        assert export_bytes(again, "json").data


def png(data: bytes) -> None:
    """A card whose JSON is `data`, inside a picture; the rest of the input stands behind it as chunks."""
    text, _, rest = data.partition(b"\0\0")
    card(SIGNATURE + _HEADER + text_chunk("ccv3", base64.b64encode(text)) + rest + chunk_bytes(b"IEND", b""))


def charx(data: bytes) -> None:
    """A zip archive as it is, and behind a picture."""
    card(b"PK\x03\x04" + data)
    card(data)


def yaml(data: bytes) -> None:
    try:
        read_yaml(data.decode("utf-8", "replace"))
    except RequestError:
        return
    card(data)


def gateway(data: bytes) -> None:
    """Frames of a compressed connection; each payload goes where the bot takes it."""
    inflater, guilds = Inflater(1 << 20), Guilds()
    guilds.me = "1"
    for payload in _payloads(inflater, data):
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):
            continue
        event = message.get("d") if isinstance(message, dict) else None
        if isinstance(event, dict):
            _event(guilds, str(message.get("t")), event)


def _payloads(inflater: Inflater, data: bytes) -> Iterator[bytes]:
    yield data
    try:
        for start in range(0, len(data), 997):
            payload = inflater.feed(data[start : start + 997])
            if payload is not None:
                yield payload
    except Undecodable:
        return


def _event(guilds: Guilds, kind: str, event: dict[str, object]) -> None:
    try:
        guilds.note(kind, event)
        if ignored(event, "1") is None:
            addressed(event, Self("1", ("Mira",), frozenset({"3"})), "name")
            line_of(event, lambda: guilds.names(event, "Mira"))
            describe(event, Names(), me="1")
    except MALFORMED:
        return


MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What the gateway logs as a malformed event, and goes on."""


def sse(data: bytes) -> None:
    """A streamed answer in pieces: the events do not depend on where it is cut, and any of it is an answer or none."""
    try:
        whole, parser = EventParser(4096), EventParser(4096)
        events = [*whole.feed(data), *whole.close()]
        cut = [event for piece in _pieces(data) for event in parser.feed(piece)] + parser.close()
    except EventTooLarge:
        return
    assert cut == events
    for tools in (False, True):
        reception = Reception(Failures(_ENDPOINT), "model", tools)
        try:
            given = [text for piece in _pieces(data) for text in reception.feed(piece)]
            given += reception.close()
        except LLMError:
            continue
        assert "".join(given) == reception.text
        reception.text.encode()


def _pieces(data: bytes) -> list[bytes]:
    size = 1 + (data[0] % 64 if data else 0)
    return [data[start : start + size] for start in range(0, len(data), size)]


_HEADER = chunk_bytes(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
_ENDPOINT = Endpoint(url="http://127.0.0.1:1/v1", model="model", api_key="key")


def _cards() -> list[bytes]:
    return [json.dumps(value).encode() for value in (*CARDS.values(), WORLD)]


def _exported(*formats: str) -> list[bytes]:
    found = []
    for name in ("v2", "v3", "v3 by SillyTavern"):
        definition = import_bytes(json.dumps(CARDS[name]).encode()).definition
        assert definition is not None
        found += [export_bytes(definition, format).data for format in formats]  # type: ignore[arg-type]
    return found


def _frames() -> list[bytes]:
    said = {"id": "9", "channel_id": "5", "guild_id": "4", "content": "<@1> hi", "author": {"id": "7", "username": "e"}}
    guild = {"id": "4", "name": "g", "channels": [{"id": "5", "type": 0, "name": "c"}], "roles": [{"id": "3"}]}
    payloads = [
        json.dumps({"op": 0, "s": 1, "t": kind, "d": data}).encode()
        for kind, data in (("MESSAGE_CREATE", said), ("GUILD_CREATE", guild), ("THREAD_LIST_SYNC", guild))
    ]
    stream = zlib.compressobj()
    frames = b"".join(stream.compress(each) + stream.flush(zlib.Z_SYNC_FLUSH) for each in payloads)
    garbage = [each.encode() if isinstance(each, str) else each for each in GARBAGE]
    return [*payloads, frames, *(each for each in garbage if len(each) < 16_384)]


def _streams() -> list[bytes]:
    delta = {"model": "m", "choices": [{"delta": {"content": "Hé"}, "finish_reason": None}]}
    call = {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}}]}
    done = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    lines = [json.dumps(each) for each in (delta, call, done)]
    whole = "".join(f"data: {line}\n\n" for line in lines) + "data: [DONE]\n\n"
    document = json.dumps({"choices": [{"message": {"content": "<think>a</think>b"}, "finish_reason": "stop"}]})
    error = 'event: error\ndata: {"error": {"message": "context length", "code": 400}}\n\n'
    return [
        whole.encode(),
        whole.replace("\n", "\r\n").encode(),
        document.encode(),
        error.encode(),
        b"\xef\xbb\xbf: x\n",
    ]


TARGETS: dict[str, Target] = {
    "card": Target(card, lambda: [*_cards(), *_exported("png", "charx", "json")], 65_536),
    "png": Target(png, _cards),
    "charx": Target(charx, lambda: _exported("charx"), 65_536),
    "yaml": Target(yaml, lambda: _exported("yaml")),
    "gateway": Target(gateway, _frames),
    "sse": Target(sse, _streams),
}
