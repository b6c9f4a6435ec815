"""Every environment variable, in one table: the fields of `Config`, which stand by groups in the
files of this package.

A field's metadata carries the variable's name, meaning, limits and whether it is secret. `whisperengine config`,
`--help`, `docs/configuration.md` and the test that compares them read this table; nothing else in the project touches
`os.environ` for settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whisperengine.config.discord import Discord
from whisperengine.config.models import LLM_DEFAULT_URLS, Models
from whisperengine.config.service import Service
from whisperengine.config.storage import Storage
from whisperengine.config.talk import Talk
from whisperengine.dotenv import read_dotenv
from whisperengine.errors import ConfigurationError
from whisperengine.variables import Variable

MASK = "********"


# Fields come in the order of the table, which for bases of a dataclass is from the last to the first.
@dataclass(frozen=True, kw_only=True)
class Config(Discord, Talk, Models, Storage, Service):
    """What is in force. Read once at start by `load()`; never changed afterwards."""

    given: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Fields that the environment sets: nothing that is stored changes them."""

    @property
    def default_character(self) -> str:
        """Slug of the character that answers when a request names none."""
        return self.bot_name or self.character_name or "assistant"

    @property
    def models_dir(self) -> Path:
        return self.model_cache_dir or self.home / "models"

    @property
    def embedded(self) -> bool:
        """Whether the service starts its own PostgreSQL."""
        return not (self.database_url or self.postgres_host)

    @property
    def dsn(self) -> str:
        """URL of the configured database; empty in embedded mode."""
        if self.database_url or not self.postgres_host:
            return self.database_url
        login = quote(self.postgres_user, safe="")
        if self.postgres_password:
            login += ":" + quote(self.postgres_password, safe="")
        host = f"[{self.postgres_host}]" if ":" in self.postgres_host else self.postgres_host
        return f"postgresql://{login}@{host}:{self.postgres_port}/{quote(self.postgres_db, safe='')}"

    @property
    def llm_base_url(self) -> str:
        """The configured endpoint, or what LLM_CLIENT_TYPE stands for."""
        return "" if self.llm_client_type == "disabled" else self.llm_url or LLM_DEFAULT_URLS[self.llm_client_type]


ALIASES = {"BOT_NAME": "DISCORD_BOT_NAME"}


def _variables() -> list[Field[Any]]:
    return [spec for spec in fields(Config) if "variable" in spec.metadata]


def variable_of(spec: Field[Any]) -> Variable:
    return spec.metadata["variable"]


def table() -> list[tuple[str, Variable, str]]:
    """Rows (attribute, variable, default as text) in the order in which they are documented."""
    rows = []
    for spec in _variables():
        variable = variable_of(spec)
        default = variable.default_text
        if default is None:
            value = spec.default
            default = (
                "empty" if value in ("", None, ()) else str(int(value)) if isinstance(value, bool) else f"`{value}`"
            )
        rows.append((spec.name, variable, default))
    return rows


def dotenv_path(environ: Mapping[str, str] | None = None) -> Path:
    """The file of settings: `DOTENV_PATH`, or `.env` in the working directory."""
    return Path((os.environ if environ is None else environ).get("DOTENV_PATH") or ".env")


def load(environ: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Config:
    """Read the environment, and below it the file named by `DOTENV_PATH` (default `.env` in the working directory).

    An empty value counts as not set, so that compose files may pass variables through. A secret NAME may stand in a
    file that NAME_FILE names, as containers are given theirs. Raises ConfigurationError that lists every wrong value.
    """
    given = dict(os.environ if environ is None else environ)
    merged = {
        **read_dotenv(dotenv or dotenv_path(given)),
        **{name: value for name, value in given.items() if value.strip()},
    }
    for alias, name in ALIASES.items():
        if alias in merged:
            merged.setdefault(name, merged[alias])
    values: dict[str, Any] = {}
    problems: list[str] = []
    for spec in _variables():
        variable = variable_of(spec)
        raw = merged.get(variable.name, "")
        if variable.secret and not raw.strip() and (file := merged.get(f"{variable.name}_FILE", "").strip()):
            try:
                raw = Path(file).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{variable.name}_FILE names {file}, which cannot be read ({type(error).__name__}).")
        if not raw.strip():
            continue
        try:
            values[spec.name] = variable.parse(raw)
        except ValueError:
            shown = MASK if variable.secret else repr(raw[:200])
            problems.append(f"{variable.name} is {shown}, but must be {variable.allowed}.")
    if problems:
        problems.append("Correct the value in the environment or in .env and start again.")
        raise ConfigurationError("\n".join(problems))
    return Config(**values, given=frozenset(values))
