"""Where a language model answers, and how long we wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from whisperengine.config import Config


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server. Times are seconds; `None` leaves a parameter to the server.

    `url` is the base, usually ending in /v1. An empty `model` means the first chat model that the server lists.
    `timeout` bounds a whole answer, retries included, `idle_timeout` the silence between two pieces of it; the wait for
    the first piece is bounded by `timeout` alone, since a local model may read a long prompt for a minute. `retries`
    counts the attempts after the first.
    """

    url: str
    model: str = ""
    api_key: str = field(default="", repr=False)
    temperature: float | None = 0.7
    max_tokens: int | None = 1024
    connect_timeout: float = 10.0
    timeout: float = 90.0
    idle_timeout: float = 30.0
    retries: int = 3

    @property
    def host(self) -> str:
        """Host and port as messages and logs name the endpoint; user information in the URL never shows."""
        try:
            parts = urlsplit(self.url)
            name, port = parts.hostname or "", parts.port
        except ValueError:
            name, port = "", None
        if ":" in name:
            name = f"[{name}]"
        return f"{name}:{port}" if name and port else name or "(no host)"

    def address(self, path: str) -> str:
        """URL of `path` below the base; a query string of the base (Azure's api-version) is kept."""
        parts = urlsplit(self.url)
        base = parts.path.rstrip("/").removesuffix("/chat/completions")
        return parts._replace(path=f"{base}/{path}", fragment="").geturl()


def endpoint_of(config: Config, *, url: str = "", model: str = "") -> Endpoint:
    """The configured endpoint; `url` wins over its address, `model` fills in where none is configured."""
    return Endpoint(
        url=url or config.llm_base_url,
        model=config.llm_model or model,
        api_key=config.llm_api_key,
        temperature=config.llm_temperature,
        max_tokens=config.llm_max_tokens,
        connect_timeout=config.llm_connect_timeout,
        timeout=config.llm_timeout,
        retries=config.llm_retries,
    )
