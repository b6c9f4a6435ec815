"""The web page: the files of its build, the only ones that anybody may read without a key. No data is in them."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from aiohttp import hdrs, web

from whisperengine.errors import NotFoundError, WhisperEngineError

PACKAGE = Path(__file__).parents[1]
IMMUTABLE = "/_next/static/"
"""Files below it are named by their content."""
LOST = "/404.html"
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)"')
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the build with the headers that it is sent with. `compressed` is its gzip, where that is worth it."""

    body: bytes
    compressed: bytes | None
    etag: str
    headers: dict[str, str]


routes = web.RouteTableDef()
FILES = web.AppKey("page", dict[str, File])


class PageNotBuilt(WhisperEngineError):
    code = "page_not_built"
    status = 404


def default_directory() -> Path:
    """The page packaged with the program, or the one built in the checkout that it runs from."""
    packaged = PACKAGE / "_page"
    return packaged if packaged.is_dir() else PACKAGE.parent / "cdl-web-ui" / "out"


def load(folder: Path) -> dict[str, File]:
    """Every file by the path that it is asked for: `settings/index.html` is `/settings/`. Empty without a build.

    All are held in memory, about 3 MB: no request ever becomes a path of the file system.
    """
    files: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES and path.is_file():
            name = "/" + path.relative_to(folder).as_posix()
            files[name.removesuffix("index.html") if name.endswith("/index.html") else name] = _file(name, path)
    return files


def _file(name: str, path: Path) -> File:
    body = path.read_bytes()
    twin = path.with_name(path.name + ".gz")
    headers = {
        "Content-Type": _TYPES[path.suffix],
        "Cache-Control": "public, max-age=31536000, immutable" if name.startswith(IMMUTABLE) else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if path.suffix == ".html":
        # The build names the scripts of each page by hash; frames are refused by header alone.
        policy = _POLICY.search(body.decode())
        if policy:
            headers["Content-Security-Policy"] = f"{unescape(policy[1])}; frame-ancestors 'none'"
    etag = hashlib.sha256(body).hexdigest()[:32]
    return File(body, twin.read_bytes() if twin.exists() else None, etag, headers)


async def open_page(app: web.Application) -> None:
    """Reads the build when the application starts."""
    app[FILES] = await asyncio.to_thread(load, default_directory())


@routes.get("/{page:(?!api/|v1/).*}")
async def page(request: web.Request) -> web.Response:
    """A file of the page; for a browser that asks for another path, the page that says so."""
    files = request.app[FILES]
    path = request.path
    if path in files and path != LOST:
        return _answer(request, files[path], 200)
    if f"{path}/" in files:
        return web.Response(
            status=308, headers={"Location": str(request.rel_url.with_path(f"{path}/", keep_query=True))}
        )
    if path == "/" and not files:
        raise PageNotBuilt("The page is not built. Run `make page`, or use the API: docs/api.md lists its routes.")
    if LOST in files and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        return _answer(request, files[LOST], 404)
    raise NotFoundError("There is no such path. See docs/api.md for the routes.")


def _answer(request: web.Request, file: File, status: int) -> web.Response:
    packed = file.compressed is not None and _takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    tag = f"{file.etag}-gzip" if packed else file.etag
    headers = {**file.headers, "ETag": f'"{tag}"'}
    if status == 200 and any(known.value in (tag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if packed:
        return web.Response(body=file.compressed, status=status, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=file.body, status=status, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    offers = (offer.replace(" ", "").lower() for offer in accepted.split(","))
    return any(offer == "gzip" or (offer.startswith("gzip;") and not offer.endswith("q=0")) for offer in offers)
