"""The body of POST /v1/chat/completions: what its schema (`openai_schemas.CHAT`) cannot say is checked here."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from whisperengine.api.description import FieldError
from whisperengine.api.openai_schemas import IMAGES_MOST
from whisperengine.chat.thread import Said, merged
from whisperengine.config import Config

STATELESS = ":stateless"
IMAGE_NOTE = "[sent an image]"
BLIND_NOTE = "[sent an image, which you cannot see]"

_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/\s]+={0,2}\s*", re.ASCII)
# What goes on to the model as it is.
_PASSED_ON = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
)
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")


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
    """Raises FieldError that names the field."""
    model = body.get("model") or ""
    messages = body["messages"]
    last = max((number for number, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        raise FieldError("messages", "must hold a message of the role user.")
    after = tuple(messages[last + 1 :])
    if after and after[-1]["role"] not in ("tool", "function", "system", "developer"):
        raise FieldError("messages", "must end with a message of the role user, or with the results of tools.")
    urls = await _images(messages[last].get("content"), f"messages[{last}].content", config)
    talk = merged(
        (message["role"] == "user", text)
        for message in messages[: last + 1]
        if message["role"] == "user" or (message["role"] == "assistant" and not message.get("tool_calls"))
        if (text := _words(message.get("content"), seeing=config.llm_vision))
    )
    if not talk or not talk[-1][0]:
        raise FieldError(f"messages[{last}].content", "is empty. Send some text.")
    return ChatRequest(
        model=model.removesuffix(STATELESS),
        stateless=bool(body.get("stateless")) or model.endswith(STATELESS),
        text=talk[-1][1],
        talk=talk,
        scene="\n\n".join(
            _words(message.get("content")) for message in messages if message["role"] in ("system", "developer")
        ).strip(),
        after=tuple(message for message in after if message["role"] not in ("system", "developer")),
        images=urls if config.llm_vision else (),
        stream=bool(body.get("stream")),
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        user=body.get("user") or "",
        conversation=(body.get("metadata") or {}).get("conversation_id") or "",
        parameters=_parameters(body),
    )


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
        raise FieldError(path, f"holds {len(urls)} images; {IMAGES_MOST} are the most.")
    for url, where in urls:
        if url.startswith("data:"):
            if not _DATA_URL.fullmatch(url):
                raise FieldError(where, "must be data:image/png;base64,… (png, jpeg, gif or webp).")
        elif not config.llm_image_urls:
            raise FieldError(where, "must be a data URL here: the service does not pass on addresses of images.")
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
        raise FieldError(where, "must be an https:// address on the public Internet, or a data URL.") from error


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that go on to the model."""
    found = {name: body[name] for name in _PASSED_ON if body.get(name) is not None}
    if "max_completion_tokens" in found:
        # One limit, under the name that every endpoint knows; the client renames it where an endpoint asks for that.
        found["max_tokens"] = found.pop("max_completion_tokens")
    if not found.get("tools"):
        for name in ("tools", *_WITH_TOOLS):
            found.pop(name, None)
    return found
