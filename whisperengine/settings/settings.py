"""What is in force: the environment first, below it what is stored, below that the defaults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from whisperengine.config import Config
from whisperengine.db.listening import listening
from whisperengine.db.pool import AWAY, Executor
from whisperengine.endpoints import same_origin
from whisperengine.errors import RequestError
from whisperengine.llm.addresses import REFUSED, is_refused_url
from whisperengine.settings import sealing, store
from whisperengine.settings.sealing import SealError
from whisperengine.settings.store import Change, Stored
from whisperengine.settings.table import SETTINGS, Setting

log = logging.getLogger(__name__)

READ_AGAIN_SECONDS = 60.0
RETRY_SECONDS = 3.0
SET, NOT_SET = "(set)", "(not set)"


Watcher = Callable[[Config, Config], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Resolved:
    config: Config
    problems: Mapping[str, str]
    stored: Mapping[str, Stored]


class Settings:
    """The settings of this process. `config` is what is in force now: read it at each use, never keep it.

    `problems` says of stored settings why they cannot be used (the others are in force all the same); `version` names
    the last change.
    """

    def __init__(self, config: Config) -> None:
        """`config` is what environment and defaults say."""
        self._base = config
        self._watchers: list[Watcher] = []
        self._reading = asyncio.Lock()
        self.config = config
        self.stored: frozenset[str] = frozenset()
        self.problems: Mapping[str, str] = {}
        self.version = ""

    def on_change(self, watcher: Watcher) -> None:
        """`watcher(before, after)` is awaited after each change; it should not take long."""
        self._watchers.append(watcher)

    def fixed(self, setting: Setting) -> bool:
        """Whether the environment sets it."""
        return setting.field in self._base.given

    async def read(self, pool: Executor) -> None:
        """Put in force what is stored now."""
        async with self._reading:
            found, version = await store.rows(pool)
            if version == self.version and not self.problems:
                return
            resolved = await asyncio.to_thread(_resolve, self._base, found)
            for key, problem in resolved.problems.items():
                if self.problems.get(key) != problem:
                    log.warning("%s is not in force: %s", key, problem)
            before, self.config = self.config, resolved.config
            self.problems, self.version = resolved.problems, version
            self.stored = frozenset(resolved.stored)
            if before != self.config:
                await self._tell(before)

    async def change(self, pool: asyncpg.Pool, changes: Mapping[str, Any], by: str) -> None:
        """Store `changes` (None unsets), all or none, and put them in force here at once and everywhere soon.

        Raises RequestError `invalid_setting` that lists what is wrong with each, SealError when a secret cannot be
        encrypted.
        """
        async with pool.acquire() as connection, connection.transaction():
            await store.lock(connection)
            found, _ = await store.rows(connection)
            decided = await asyncio.to_thread(_decide, self._base, found, changes)
            for change in decided:
                await store.write(connection, change, by)
            if decided:
                await store.announce(connection)
        await self.read(pool)

    async def keep_current(self, pool: asyncpg.Pool, dsn: str) -> None:
        """Follow the changes of all processes until cancelled.

        Without notifications (the connection is lost, or goes through a pooler that drops them) a change is seen a
        minute later.
        """
        changed = asyncio.Event()
        while True:
            try:
                async with listening(dsn, store.CHANNEL, lambda _: changed.set()) as lost:
                    while not lost.is_set():
                        changed.clear()
                        await self.read(pool)
                        await _first_of(changed, lost)
            except AWAY as error:
                log.warning("settings are not followed, the database is away (%s)", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _tell(self, before: Config) -> None:
        for watcher in self._watchers:
            try:
                await watcher(before, self.config)
            except Exception:
                log.exception("a change of settings did not reach every part; restart the service to apply it")


async def _first_of(*events: asyncio.Event) -> None:
    """Until one of them is set, a minute at most."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=READ_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _resolve(base: Config, found: Sequence[Stored]) -> _Resolved:
    """`base` with what is stored laid below it; what cannot be used is left out and explained. Reads the key's file."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    known = {row.key: row for row in found if row.key in SETTINGS}
    for key, row in known.items():
        setting = SETTINGS[key]
        if setting.field in base.given:
            continue
        try:
            text = sealing.unseal(base, key, row.sealed) if row.sealed is not None else row.value or ""
            values[setting.field] = setting.variable.parse(text)
        except SealError as error:
            problems[key] = str(error)
        except ValueError:
            problems[key] = f"What is stored for {key} must be {setting.variable.allowed}. Set it again."
    return _Resolved(replace(base, **values), problems, known)


def _decide(base: Config, found: Sequence[Stored], changes: Mapping[str, Any]) -> list[Change]:
    """What to write, after everything was checked. Raises RequestError with all problems, and SealError."""
    standing = _resolve(base, found)
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    problems: dict[str, str] = {}
    for key, value in changes.items():
        setting = SETTINGS.get(key)
        if setting is None:
            problems[key[:100]] = "There is no such setting. GET /api/settings lists them."
        elif setting.field in base.given:
            problems[key] = f"{setting.variable.name} is set in the environment and wins. Change or remove it there."
        else:
            try:
                texts[key] = setting.text(_with_keys(value, standing.config) if key == "llm.endpoints" else value)
                values[setting.field] = (
                    setting.variable.parse(texts[key]) if texts[key] else getattr(_DEFAULTS, setting.field)
                )
            except ValueError as error:
                problems[key] = f"It must be {setting.variable.allowed}{_why(setting, error)}."
    if not problems:
        problems = _unsafe(standing.config, replace(standing.config, **values), base, changes)
    if problems:
        raise RequestError(
            "These settings cannot be taken: " + "; ".join(f"{key}: {problem}" for key, problem in problems.items()),
            code="invalid_setting",
            details={"problems": [{"key": key, "message": problem} for key, problem in problems.items()]},
        )
    decided = (_change(base, standing, SETTINGS[key], text) for key, text in texts.items())
    return [change for change in decided if change is not None]


_DEFAULTS = Config()


def _why(setting: Setting, error: ValueError) -> str:
    # Other kinds' errors quote the value, which may be a secret.
    return f" ({error})" if setting.kind == "list" and str(error) else ""


def _with_keys(value: Any, config: Config) -> Any:
    """The list of endpoints as it came, each key that was left out being that of the endpoint with the same address.

    A key belongs to the address for which it was given, so that nobody can have it sent elsewhere.
    """
    if not isinstance(value, list):
        return value
    keys = {endpoint.url: endpoint.key for endpoint in config.llm_endpoints if endpoint.key}
    entries = []
    for number, entry in enumerate(value, 1):
        if isinstance(entry, dict):
            kept = entry.get("key_set") is True and "key" not in entry
            entry = {name: each for name, each in entry.items() if name != "key_set"}
            if "key" not in entry:
                key = keys.get(str(entry.get("url", "")).strip().rstrip("/"), "")
                if kept and not key:
                    raise ValueError(f"the key of endpoint {number} was given for another address: send it again")
                entry["key"] = key
        entries.append(entry)
    return entries


def _unsafe(before: Config, after: Config, base: Config, changes: Mapping[str, Any]) -> dict[str, str]:
    """Addresses that must not be asked, and keys that would go to a host for which they were not given."""
    problems: dict[str, str] = {}
    for key, url in (("llm.url", after.llm_url), *(("llm.endpoints", each.url) for each in after.llm_endpoints)):
        if key not in changes or not url:
            continue
        if is_refused_url(url):
            problems[key] = f"{REFUSED.capitalize()}. Name a server that runs a language model."
        elif "@" in urlsplit(url).netloc:
            problems[key] = "An address may hold no user name or password. Set the key as the key."
    if problems or not after.llm_api_key or "llm.key" in changes or not after.llm_base_url:
        return problems
    if before.llm_api_key and not same_origin(after.llm_base_url, before.llm_base_url):
        if "llm_api_key" in base.given:
            problems["llm.url"] = (
                "The key in the environment, LLM_CHAT_API_KEY, was not given for that host. Set LLM_CHAT_API_URL in "
                "the environment too, or take the key out of it."
            )
        else:
            problems["llm.key"] = "The stored key was given for another host. Send the new host's key too, or null."
    return problems


def _change(base: Config, standing: _Resolved, setting: Setting, text: str) -> Change | None:
    """The row to write and its line in the audit; None where nothing changes."""
    key, row = setting.key, standing.stored.get(setting.key)
    if not setting.variable.secret:
        before = row.value if row else None
        after = text or None
        return None if before == after else Change(key, after, None, before, after)
    if row is None and not text:
        return None
    sealed = sealing.seal(base, key, text) if text else None
    return Change(key, None, sealed, SET if row else NOT_SET, SET if text else NOT_SET)
