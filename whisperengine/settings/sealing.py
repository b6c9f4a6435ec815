"""Stored secrets are sealed with AES-256-GCM; what seals them never stands in the database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from whisperengine.config import Config
from whisperengine.errors import WhisperEngineError

FILE = "secret.key"
_VERSION = b"\x01"
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2: random nonces of 96 bits are good for 2^32 messages under one key
_KEY_BYTES = 32


class SealError(WhisperEngineError):
    """A secret cannot be sealed or opened; the text names the next step and no secret."""

    code = "secret_key_wrong"
    status = 503


def seal(config: Config, name: str, text: str) -> bytes:
    """Seal the setting `name`; the first one makes the key's file where no WHISPERENGINE_SECRET_KEY is set.

    Reads and writes files. Raises SealError.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(_key(config, make=True)).encrypt(nonce, text.encode(), name.encode())


def unseal(config: Config, name: str, sealed: bytes) -> str:
    """The text that was sealed under `name`. Raises SealError when the key is another one, or gone."""
    nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        if sealed[:1] != _VERSION:
            raise ValueError
        return AESGCM(_key(config, make=False)).decrypt(nonce, ciphertext, name.encode()).decode()
    except (InvalidTag, ValueError):
        raise SealError(
            f"The stored {name} was encrypted with another key. Bring back the {_source(config)} with which it was "
            f"set, or set {name} again."
        ) from None


def _source(config: Config) -> str:
    return "WHISPERENGINE_SECRET_KEY" if config.secret_key else str(config.home / FILE)


def _key(config: Config, *, make: bool) -> bytes:
    if config.secret_key:
        # The text may be of any form; HKDF makes 256 even bits of it (RFC 5869).
        return HKDF(SHA256(), _KEY_BYTES, None, b"whisperengine settings").derive(config.secret_key.encode())
    path = config.home / FILE
    try:
        if make and not path.exists():
            _make(path)
        key = path.read_bytes()
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except FileNotFoundError:
        raise SealError(
            f"{path} is gone, and with it the key of the stored secrets. Bring the file back, set "
            "WHISPERENGINE_SECRET_KEY where that was used, or set the secrets again."
        ) from None
    except OSError as error:
        raise SealError(
            f"{path} cannot be used ({error.strerror}). Make WHISPERENGINE_HOME writable for the service, or set "
            "WHISPERENGINE_SECRET_KEY."
        ) from None
    if len(key) != _KEY_BYTES:
        raise SealError(f"{path} is damaged: it must hold {_KEY_BYTES} bytes. Bring back a copy of it, or remove it.")
    return key


def _make(path: Path) -> None:
    """Whole or not at all, and never over another's: two processes that start at once end with the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except FileExistsError:
        return
    finally:
        draft.unlink()
