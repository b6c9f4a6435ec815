"""Where the service stands, what it listens to, and how much of it one may use."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperengine.variables import at_least, env, networks, one_of, path, real, url, whole, words


def _limit(name: str, setting: str, help: str) -> Any:
    text = f"{help}; 0 is no limit. All replicas count together."
    return whole(name, 0, 0, 1_000_000_000, "Limits", text, setting=f"limits.{setting}")


def default_home() -> Path:
    """The platform's data folder; for root `/var/lib/whisperengine`."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "whisperengine"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/whisperengine")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "whisperengine"


@dataclass(frozen=True, kw_only=True)
class Service:
    """Variables of the groups Place, HTTP, Limits."""

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
    secret_key: str = env(
        "WHISPERENGINE_SECRET_KEY",
        "",
        "Place",
        "What stored secrets are encrypted with: the same for all replicas, such as `openssl rand -hex 32` prints.",
        at_least(32),
        "at least 32 random characters",
        secret=True,
        default_text="the file `secret.key` in WHISPERENGINE_HOME, made when it is first needed",
    )
    log_level: str = one_of(
        "LOG_LEVEL", "info", ("debug", "info", "warning", "error"), "Place", "How much is logged. Never message text."
    )

    log_format: str = one_of(
        "LOG_FORMAT", "text", ("text", "json"), "Place", "Lines for people, or one JSON object per line."
    )
    slow_turn_ms: int = whole(
        "SLOW_TURN_MS", 0, 0, 3_600_000, "Place", "Turns that take longer are logged with their parts; 0 logs none."
    )

    otel_endpoint: str = env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Place",
        "Receiver of OpenTelemetry traces over OTLP/HTTP, such as http://localhost:4318. Needs the extra `otel`, which "
        "reads the other `OTEL_*` variables.",
        url("http", "https"),
        "an http:// or https:// URL",
    )
    otel_traces_endpoint: str = env(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "",
        "Place",
        "The same as a whole address, with its path.",
        url("http", "https"),
        "an http:// or https:// URL",
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

    shutdown_grace: float = real(
        "SHUTDOWN_GRACE",
        25.0,
        0,
        3600,
        "HTTP",
        "Seconds that answers under way may take to end after SIGTERM; what had been said is then kept.",
    )

    # Limits
    limit_key_minute: int = _limit("LIMIT_KEY_PER_MINUTE", "key_minute", "Turns of one key in a minute")
    limit_key_day: int = _limit("LIMIT_KEY_PER_DAY", "key_day", "Turns of one key in a day")
    limit_key_streams: int = _limit(
        "LIMIT_KEY_STREAMS", "key_streams", "Streamed answers that one key has open at once"
    )
    limit_person_minute: int = _limit("LIMIT_PERSON_PER_MINUTE", "person_minute", "Turns of one person in a minute")
    limit_person_day: int = _limit("LIMIT_PERSON_PER_DAY", "person_day", "Turns of one person in a day")
    limit_person_streams: int = _limit(
        "LIMIT_PERSON_STREAMS", "person_streams", "Streamed answers that one person has open at once"
    )
    limit_address_minute: int = _limit(
        "LIMIT_ADDRESS_PER_MINUTE", "address_minute", "Turns from one address in a minute"
    )
    limit_address_day: int = _limit("LIMIT_ADDRESS_PER_DAY", "address_day", "Turns from one address in a day")
    limit_address_streams: int = _limit(
        "LIMIT_ADDRESS_STREAMS", "address_streams", "Streamed answers that one address has open at once"
    )
