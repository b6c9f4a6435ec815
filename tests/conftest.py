"""One throw-away PostgreSQL per run, from the same binaries and launcher as the product's embedded mode."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from whisperengine.db.embedded import EmbeddedPostgres, bin_dir

pytest_plugins = ["tests.support.llm_fixture"]

UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """DSN of a running PostgreSQL 18 with pgvector: superuser `postgres`, database `postgres`."""
    home = Path(tempfile.mkdtemp(prefix="whisperengine-tests-"))
    home.chmod(0o711)  # as root, PostgreSQL runs as another user
    postgres = EmbeddedPostgres(home, settings=UNSAFE_BUT_FAST)
    try:
        yield postgres.start(timeout=300)
    finally:
        postgres.stop()
        shutil.rmtree(home)


@pytest.fixture
def empty_database(cluster: str) -> Iterator[str]:
    """DSN of a fresh database with nothing in it."""
    with _database(cluster, "template1") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def migrated_template(cluster: str) -> str:
    """Name of a database with all migrations applied and nobody connected to it."""
    from whisperengine.db import migrate

    _execute(cluster, "create database migrated")
    migrate.up_sync(_dsn_of(cluster, "migrated"))
    return "migrated"


@pytest.fixture
def database(cluster: str, migrated_template: str) -> Iterator[str]:
    """DSN of a fresh database with all migrations applied."""
    with _database(cluster, migrated_template) as dsn:
        yield dsn


@contextmanager
def _database(cluster: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _execute(cluster, f"create database {name} template {template}")
    yield _dsn_of(cluster, name)
    _execute(cluster, f"drop database {name} with (force)")


def _dsn_of(cluster: str, name: str) -> str:
    return urlsplit(cluster)._replace(path=f"/{name}").geturl()


def _execute(dsn: str, statement: str) -> None:
    # psql, because a synchronous fixture must not start an event loop beside the test's own.
    subprocess.run([bin_dir() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, dsn], check=True)
