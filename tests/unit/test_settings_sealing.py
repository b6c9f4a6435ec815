"""Sealing of secrets: the key's file, and what opens what."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from whisperengine.config import Config
from whisperengine.settings import sealing
from whisperengine.settings.sealing import FILE, SealError


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return replace(Config(), home=tmp_path / "home")


def test_what_is_sealed_opens_again_and_shows_nothing(config: Config):
    sealed = sealing.seal(config, "llm.key", "the secret")
    assert b"secret" not in sealed
    assert sealed != sealing.seal(config, "llm.key", "the secret")
    assert sealing.unseal(config, "llm.key", sealed) == "the secret"


def test_the_file_of_the_key_is_the_owners_alone(config: Config):
    sealing.seal(config, "llm.key", "x")
    path = config.home / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    sealing.seal(config, "llm.key", "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_at_once_make_one_key(config: Config):
    with ThreadPoolExecutor(16) as threads:
        sealed = list(threads.map(lambda n: sealing.seal(config, "llm.key", str(n)), range(64)))
    assert [sealing.unseal(config, "llm.key", each) for each in sealed] == [str(n) for n in range(64)]
    assert [path.name for path in config.home.iterdir()] == [FILE]


@pytest.mark.parametrize("at", [0, 1, 12, 13, -1])
def test_a_changed_byte_does_not_open(config: Config, at: int):
    sealed = bytearray(sealing.seal(config, "llm.key", "the secret"))
    sealed[at] ^= 1
    with pytest.raises(SealError, match=r"set llm\.key again"):
        sealing.unseal(config, "llm.key", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(12)])
def test_a_short_remainder_does_not_open(config: Config, sealed: bytes):
    sealing.seal(config, "llm.key", "x")
    with pytest.raises(SealError):
        sealing.unseal(config, "llm.key", sealed)


def test_another_settings_secret_does_not_open(config: Config):
    sealed = sealing.seal(config, "llm.key", "x")
    with pytest.raises(SealError):
        sealing.unseal(config, "llm.endpoints", sealed)


def test_the_key_of_the_environment_needs_no_file_and_opens_on_every_machine(config: Config, tmp_path: Path):
    here = replace(config, secret_key="k" * 32)
    sealed = sealing.seal(here, "llm.key", "x")
    assert not config.home.exists()
    assert sealing.unseal(replace(here, home=tmp_path / "elsewhere"), "llm.key", sealed) == "x"
    with pytest.raises(SealError, match="WHISPERENGINE_SECRET_KEY"):
        sealing.unseal(replace(here, secret_key="l" * 32), "llm.key", sealed)


def test_a_damaged_file_is_named(config: Config):
    config.home.mkdir()
    (config.home / FILE).write_bytes(b"short")
    with pytest.raises(SealError, match="damaged"):
        sealing.seal(config, "llm.key", "x")


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SealError, match="WHISPERENGINE_SECRET_KEY"):
        sealing.seal(replace(Config(), home=tmp_path / "file"), "llm.key", "x")
