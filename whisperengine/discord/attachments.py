"""Files that people attach: pictures for models that see, short texts for all."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from whisperengine.discord.heart import Picture
from whisperengine.discord.session import is_loopback

log = logging.getLogger(__name__)

PICTURES = 5
PICTURE_BYTES = 10 * 1024 * 1024
TEXTS = 5
TEXT_BYTES = 50_000
PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
TEXT_TYPES = frozenset({"application/json", "application/xml", "application/x-yaml", "application/javascript"})
HOSTS = ("cdn.discordapp.com", "media.discordapp.net")


async def fetch(
    http: aiohttp.ClientSession, message: dict[str, Any], api_base: str, *, pictures: bool
) -> tuple[tuple[Picture, ...], str]:
    """(pictures, texts with their names). What is too large, of another kind, elsewhere or gone is left out."""
    seen: list[Picture] = []
    texts: list[str] = []
    for attachment in message.get("attachments") or ():
        if not isinstance(attachment, dict) or not _is_discords(str(attachment.get("url", "")), api_base):
            continue
        kind = str(attachment.get("content_type") or "").partition(";")[0].strip().lower()
        size = attachment.get("size")
        name = " ".join(str(attachment.get("filename") or "file").split())[:100]
        if not isinstance(size, int):
            continue
        if kind in PICTURE_TYPES and pictures and size <= PICTURE_BYTES and len(seen) < PICTURES:
            content = await _download(http, attachment["url"], PICTURE_BYTES)
            if content:
                seen.append(Picture(name=name, media_type=kind, content=content))
        elif (kind.startswith("text/") or kind in TEXT_TYPES) and size <= TEXT_BYTES and len(texts) < TEXTS:
            content = await _download(http, attachment["url"], TEXT_BYTES)
            if content:
                texts.append(f"Attached file {name}:\n{content.decode('utf-8', 'replace')}")
    return tuple(seen), "\n\n".join(texts)


def _is_discords(url: str, api_base: str) -> bool:
    """A message is written by strangers: only Discord's own file hosts are asked, or this machine when the API is on
    it.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname in HOSTS:
            return True
        base = urlsplit(api_base)
        return is_loopback(base.hostname or "") and (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
    except ValueError:
        return False


async def _download(http: aiohttp.ClientSession, url: str, limit: int) -> bytes | None:
    try:
        async with http.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=15)) as response:
            if response.status != 200:
                return None
            content = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                content += chunk
                if len(content) > limit:
                    return None
            return bytes(content)
    except (TimeoutError, aiohttp.ClientError) as error:
        log.info("discord.attachments: a file could not be fetched (%s)", type(error).__name__)
        return None
