"""The body of POST /v1/chat/completions, read strictly where it has a meaning here and ignored where it has none."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from whisperengine.chat.thread import Said, merged
from whisperengine.config import Config
from whisperengine.errors import RequestError

STATELESS = ":stateless"
MESSAGES_MOST = 2_000
IMAGES_MOST = 10
TOOLS_MOST = 128
IMAGE_NOTE = "[sent an image]"
BLIND_NOTE = "[sent an image, which you cannot see]"

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/\s]+={0,2}\s*", re.ASCII)
# What goes on to the model as it is: name, type, least and most.
_NUMBERS: tuple[tuple[str, type, float, float], ...] = (
    ("temperature", float, 0, 2),
    ("top_p", float, 0, 1),
    ("presence_penalty", float, -2, 2),
    ("frequency_penalty", float, -2, 2),
    ("max_tokens", int, 1, 1 << 20),
    ("max_completion_tokens", int, 1, 1 << 20),
    ("seed", int, -(1 << 63), (1 << 63) - 1),
)


class ParameterError(RequestError):
    """A field of an OpenAI request is wrong; `param` is its path."""

    code = "invalid_field"

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"{param} {message}")
        self.param = param


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`talk` ends with the person's message `text`; `after` are the raw messages that follow it, tools and their
    results.
    """

    model: str
    stateless: bool
    text: str
    talk: list[Said]
    scene: str
    after: tuple[Mapping[str, Any], ...]
    images: tuple[str, ...]
    stream: bool
    include_usage: bool
    user: str
    conversation: str
    parameters: dict[str, Any] = field(default_factory=dict)


async def chat_request(body: Mapping[str, Any], config: Config) -> ChatRequest:
    """Raises ParameterError that names the field."""
    model = _text(body, "model")
    stateless = _flag(body, "stateless") or model.endswith(STATELESS)
    if _number(body, "n", int, 1, 128) not in (None, 1):
        raise ParameterError("n", "must be 1: a character gives one answer. Ask again for another.")
    given = body.get("messages")
    if not isinstance(given, list) or not 0 < len(given) <= MESSAGES_MOST:
        raise ParameterError("messages", f"must be a list of 1 to {MESSAGES_MOST:,} messages.")
    messages = [_message(item, f"messages[{number}]") for number, item in enumerate(given)]
    last = max((number for number, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        raise ParameterError("messages", "must hold a message of the role user.")
    after = tuple(messages[last + 1 :])
    if after and after[-1]["role"] not in ("tool", "function", "system", "developer"):
        raise ParameterError("messages", "must end with a message of the role user, or with the results of tools.")
    urls = await _images(messages[last]["content"], f"messages[{last}].content", config)
    talk = merged(
        (message["role"] == "user", text)
        for message in messages[: last + 1]
        if message["role"] == "user" or (message["role"] == "assistant" and not message.get("tool_calls"))
        if (text := _words(message["content"], seeing=config.llm_vision))
    )
    if not talk or not talk[-1][0]:
        raise ParameterError(f"messages[{last}].content", "is empty. Send some text.")
    options = _object(body, "stream_options")
    return ChatRequest(
        model=model.removesuffix(STATELESS),
        stateless=stateless,
        text=talk[-1][1],
        talk=talk,
        scene="\n\n".join(
            _words(message["content"]) for message in messages if message["role"] in ("system", "developer")
        ).strip(),
        after=tuple(message for message in after if message["role"] not in ("system", "developer")),
        images=urls if config.llm_vision else (),
        stream=_flag(body, "stream"),
        include_usage=_flag(options, "include_usage", "stream_options.include_usage"),
        user=_text(body, "user"),
        conversation=_text(_object(body, "metadata"), "conversation_id", "metadata.conversation_id"),
        parameters=_parameters(body),
    )


def _message(item: Any, path: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ParameterError(path, 'must be an object such as {"role": "user", "content": "Hi"}.')
    role, content, calls = item.get("role"), item.get("content"), item.get("tool_calls")
    if role not in _ROLES:
        raise ParameterError(f"{path}.role", f"must be one of {', '.join(_ROLES)}.")
    if calls is not None and (not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls)):
        raise ParameterError(f"{path}.tool_calls", "must be a list of objects.")
    if isinstance(content, list):
        for number, part in enumerate(content):
            _check_part(part, f"{path}.content[{number}]")
    elif not isinstance(content, str) and not (content is None and role == "assistant"):
        raise ParameterError(f"{path}.content", "must be a text or a list of parts.")
    return {**item, "content": content}


def _check_part(part: Any, path: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "refusal"):
        if not isinstance(part.get(kind), str):
            raise ParameterError(f"{path}.{kind}", "must be a text.")
    elif kind == "image_url":
        image = part.get("image_url")
        if not isinstance(image, dict) or not isinstance(image.get("url"), str):
            raise ParameterError(f"{path}.image_url.url", "must be a text.")
    else:
        raise ParameterError(f"{path}.type", "must be text or image_url.")


def _words(content: Any, *, seeing: bool = True) -> str:
    """The text of a message, pictures as a note."""
    if not isinstance(content, list):
        return (content or "").strip()
    note = IMAGE_NOTE if seeing else BLIND_NOTE
    found = (note if part["type"] == "image_url" else part.get("text") or part.get("refusal", "") for part in content)
    return "\n".join(filter(None, found)).strip()


async def _images(content: Any, path: str, config: Config) -> tuple[str, ...]:
    """The pictures of the person's message, each fit to be passed on."""
    if not isinstance(content, list):
        return ()
    urls = [
        (part["image_url"]["url"], f"{path}[{n}].image_url.url")
        for n, part in enumerate(content)
        if part["type"] == "image_url"
    ]
    if len(urls) > IMAGES_MOST:
        raise ParameterError(path, f"holds {len(urls)} images; {IMAGES_MOST} are the most.")
    for url, where in urls:
        if url.startswith("data:"):
            if not _DATA_URL.fullmatch(url):
                raise ParameterError(where, "must be data:image/png;base64,… (png, jpeg, gif or webp).")
        elif not config.llm_image_urls:
            raise ParameterError(where, "must be a data URL here: the service does not pass on addresses of images.")
        else:
            await _check_public(url, where)
    return tuple(url for url, _ in urls)


async def _check_public(url: str, where: str) -> None:
    """The endpoint that fetches the picture may stand inside a network that the caller must not look into."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
        if parts.scheme != "https" or not host or parts.username is not None or not url.isprintable():
            raise ValueError("not a plain https:// address")
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not all(ipaddress.ip_address(str(address[4][0]).partition("%")[0]).is_global for address in found):
            raise ValueError("an address inside a network")
    except (ValueError, OSError) as error:
        raise ParameterError(where, "must be an https:// address on the public Internet, or a data URL.") from error


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that go on to the model."""
    found: dict[str, Any] = {}
    for name, kind, least, most in _NUMBERS:
        if (value := _number(body, name, kind, least, most)) is not None:
            found[name] = value
    if "max_completion_tokens" in found:
        # One limit, under the name that every endpoint knows; the client renames it where an endpoint asks for that.
        found["max_tokens"] = found.pop("max_completion_tokens")
    stop = body.get("stop")
    if stop is not None:
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or len(stops) > 16 or not all(isinstance(text, str) for text in stops):
            raise ParameterError("stop", "must be a text or a list of up to 16 texts.")
        found["stop"] = stop
    tools = body.get("tools")
    if tools is not None:
        if not isinstance(tools, list) or len(tools) > TOOLS_MOST or not all(isinstance(tool, dict) for tool in tools):
            raise ParameterError("tools", f"must be a list of up to {TOOLS_MOST} objects.")
        if tools:
            found["tools"] = tools
    for name, kinds in (
        ("tool_choice", (str, dict)),
        ("parallel_tool_calls", (bool,)),
        ("response_format", (dict,)),
    ):
        value = body.get(name)
        if value is not None:
            if not isinstance(value, kinds):
                raise ParameterError(name, f"must be {' or '.join(_KINDS[kind] for kind in kinds)}.")
            if name == "response_format" or tools:
                found[name] = value
    return found


_KINDS: dict[type, str] = {
    str: "a text",
    dict: "an object",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def _text(body: Mapping[str, Any], name: str, path: str = "") -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ParameterError(path or name, "must be a text.")
    return value or ""


def _flag(body: Mapping[str, Any], name: str, path: str = "") -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ParameterError(path or name, "must be true or false.")
    return bool(value)


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise ParameterError(name, "must be an object.")
    return value or {}


def _number(body: Mapping[str, Any], name: str, kind: type, least: float, most: float) -> Any:
    value = body.get(name)
    if value is None:
        return None
    allowed = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise ParameterError(name, f"must be {_KINDS[kind]}.")
    if not least <= value <= most:
        raise ParameterError(name, f"must be from {least:g} to {most:g}.")
    return value
