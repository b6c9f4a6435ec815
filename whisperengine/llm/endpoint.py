"""Where a language model answers, and how long we wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from whisperengine.config import Config
from whisperengine.endpoints import OtherEndpoint


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server. Times are seconds; `None` leaves a parameter to the server.

    `url` is the base, usually ending in /v1. An empty `model` means the first chat model that the server lists.
    `timeout` bounds a whole answer, retries included, `idle_timeout` the silence between two pieces of it; the wait for
    the first piece is bounded by `timeout` alone, since a local model may read a long prompt for a minute. `retries`
    counts the attempts after the first. `prices` are of a million tokens of the prompt and of the answer.
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
    prices: tuple[float, float] | None = None

    @property
    def host(self) -> str:
        """Host and port as messages and logs name the endpoint; user information in the URL never shows."""
        try:
            parts = urlsplit(self.url)
            name, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            name, port = "", None
        if ":" in name:
            name = f"[{name}]"
        return f"{name}:{port}" if name and port else name or "(no host)"

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it another server, account or model; how it is asked does not."""
        return self.url, self.model, self.api_key

    def cost(self, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
        """In the currency of the prices; None where there are none, or the endpoint reports no tokens."""
        if self.prices is None or prompt_tokens is None or completion_tokens is None:
            return None
        return (prompt_tokens * self.prices[0] + completion_tokens * self.prices[1]) / 1_000_000

    def address(self, path: str) -> str:
        """URL of `path` below the base; a query string of the base (Azure's api-version) is kept."""
        parts = urlsplit(self.url)
        base = parts.path.rstrip("/").removesuffix("/chat/completions")
        return parts._replace(path=f"{base}/{path}", fragment="").geturl()


def endpoint_of(config: Config, *, url: str = "", model: str = "") -> Endpoint:
    """The configured endpoint; `url` wins over its address, `model` fills in where none is configured."""
    prices = (config.llm_price_prompt, config.llm_price_completion)
    return Endpoint(
        url=url or config.llm_base_url,
        model=config.llm_model or model,
        api_key=config.llm_api_key,
        temperature=config.llm_temperature,
        max_tokens=config.llm_max_tokens,
        connect_timeout=config.llm_connect_timeout,
        timeout=config.llm_timeout,
        retries=config.llm_retries,
        prices=prices if any(prices) else None,
    )


def other_endpoint_of(config: Config, other: OtherEndpoint) -> Endpoint:
    """An entry of LLM_ENDPOINTS; what it leaves out is as for the first endpoint, key and prices excepted."""
    return replace(
        endpoint_of(config),
        url=other.url,
        model=other.model,
        api_key=other.key,
        temperature=config.llm_temperature if other.temperature is None else other.temperature,
        max_tokens=other.max_tokens or config.llm_max_tokens,
        prices=other.prices,
    )
