"""Model endpoints beside the first one, as the environment and the settings write them: a JSON list of objects."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from whisperengine.variables import url

ALLOWED = (
    'a JSON list such as [{"url": "https://api.openai.com/v1", "model": "gpt-5-mini", "key": "KEY", '
    '"prices": {"prompt": 0.25, "completion": 2}}]'
)
MOST = 20
_TEXT_CHARS = 2_000
_check_url = url("http", "https")


@dataclass(frozen=True, slots=True)
class OtherEndpoint:
    """An endpoint that answers when those before it fail, or (`fallback` false) only for characters that name it.

    `prices` are per million tokens of the prompt and of the answer, in whatever currency the operator counts in.
    """

    url: str
    name: str = ""
    model: str = ""
    key: str = field(default="", repr=False)
    temperature: float | None = None
    max_tokens: int | None = None
    prices: tuple[float, float] | None = None
    fallback: bool = True

    def document(self) -> dict[str, Any]:
        """The entry as it is written, the key included."""
        entry = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        if self.prices:
            entry["prices"] = dict(zip(("prompt", "completion"), self.prices, strict=True))
        return entry

    def shown(self) -> dict[str, Any]:
        """The same without the key."""
        return {**replace(self, key="").document(), "key_set": bool(self.key)}


def origin(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a key was given for. Raises ValueError for what is no URL."""
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def same_origin(one: str, other: str) -> bool:
    """Whether both are on one host; what is no URL is nowhere."""
    try:
        return bool(origin(one)[1]) and origin(one) == origin(other)
    except ValueError:
        return False


def parse(text: str) -> tuple[OtherEndpoint, ...]:
    """Read the list. Raises ValueError that says what is wrong, without quoting keys."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not valid JSON") from None
    if not isinstance(entries, list) or len(entries) > MOST:
        raise ValueError(f"it must be a list of at most {MOST} endpoints")
    found = tuple(_entry(entry, number) for number, entry in enumerate(entries, 1))
    names = [entry.name for entry in found if entry.name]
    if len(set(names)) < len(names):
        raise ValueError("two endpoints have the same name")
    return found


def _entry(entry: Any, number: int) -> OtherEndpoint:
    if not isinstance(entry, dict):
        raise ValueError(f"endpoint {number} must be an object with a url")
    unknown = entry.keys() - {each.name for each in fields(OtherEndpoint)}
    if unknown:
        raise ValueError(f"endpoint {number} has the unknown field {sorted(map(str, unknown))[0][:50]!r}")
    given = {name: value for name, value in entry.items() if value is not None}
    for name in ("url", "name", "model", "key"):
        value = given.setdefault(name, "")
        if not isinstance(value, str) or len(value) > _TEXT_CHARS or not value.isprintable():
            raise ValueError(f"{name} of endpoint {number} must be one line of text")
        given[name] = value.strip()
    try:
        given["url"] = _check_url(given["url"])
        reachable = bool(origin(given["url"])[1])
    except ValueError:
        reachable = False
    if not reachable:
        raise ValueError(f"url of endpoint {number} must be an http:// or https:// address")
    _check_number(given, "temperature", (int, float), 0, 2, number)
    _check_number(given, "max_tokens", (int,), 1, 131_072, number)
    if not isinstance(given.get("fallback", True), bool):
        raise ValueError(f"fallback of endpoint {number} must be true or false")
    if "prices" in given:
        given["prices"] = _prices(given["prices"], number)
    return OtherEndpoint(**given)


def _prices(value: Any, number: int) -> tuple[float, float]:
    if not isinstance(value, dict) or value.keys() - {"prompt", "completion"}:
        raise ValueError(f"prices of endpoint {number} must be an object with prompt and completion")
    for name in ("prompt", "completion"):
        _check_number(value, name, (int, float), 0, 1_000_000, number)
    return float(value.get("prompt") or 0), float(value.get("completion") or 0)


def _check_number(
    entry: dict[str, Any], name: str, kinds: tuple[type, ...], low: float, high: float, number: int
) -> None:
    value = entry.get(name)
    if value is not None and (type(value) not in kinds or not low <= value <= high):
        raise ValueError(f"{name} of endpoint {number} must be a number from {low:g} to {high:g}")
