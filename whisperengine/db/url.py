"""The URL of a database: checked, and shown without its password."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from whisperengine.errors import ConfigurationError


def shown_host(dsn: str) -> str:
    """Host and port as messages name them."""
    parts = urlsplit(dsn)
    try:
        port = parts.port
    except ValueError:
        port = None
    return f"{parts.hostname}:{port or 5432}" if parts.hostname else "the local socket"


def without_password(dsn: str, text: str) -> str:
    """`text` with the password of the URL masked."""
    password = urlsplit(dsn).password
    return text.replace(password, "********") if password else text


def check_url(dsn: str) -> None:
    """Raise ConfigurationError for a URL whose parts cannot be told apart.

    A password with @ : / ? # that is not percent-encoded makes a piece of itself look like the host or the port, and
    would be shown as such.
    """
    try:
        parts = urlsplit(dsn)
        hosts = parts.netloc.rpartition("@")[2].split(",")
        ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
        readable = (
            parts.scheme in ("postgresql", "postgres")
            and dsn.count("@") <= 1
            and "@" not in parts.path + parts.query + parts.fragment
            and "#" not in dsn
            and all(port == "" or port.isdecimal() for port in ports)
            and (not parts.query or bool(parse_qsl(parts.query, strict_parsing=True)))
        )
    except ValueError:
        readable = False
    if not readable:
        raise ConfigurationError(
            "The database URL cannot be read. It must look like postgresql://user:password@host:5432/database, and "
            "@ : / ? # % in the password must be percent-encoded (%40 %3A %2F %3F %23 %25); "
            "or use POSTGRES_HOST and POSTGRES_PASSWORD, which takes any text."
        )
