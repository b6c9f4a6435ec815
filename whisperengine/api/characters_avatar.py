"""/api/characters/{name}/avatar: the picture of a character, its own or the drawn one."""

from __future__ import annotations

import hashlib

from aiohttp import web

from whisperengine.api import character_schemas as schemas
from whisperengine.api.answers import body_bytes
from whisperengine.api.characters import answer, found, unknown
from whisperengine.api.characters_files import DESK, UPLOAD_SECONDS
from whisperengine.api.context import CALLER, CONTEXT, Parts
from whisperengine.api.description import describe, queried
from whisperengine.characters import avatar as drawing
from whisperengine.characters import formats, pictures, store
from whisperengine.characters.store import Character
from whisperengine.errors import RequestError

routes = web.RouteTableDef()


@routes.get("/api/characters/{name}/avatar")
@describe("The picture of a character", query=schemas.SIZE, answers={200: schemas.PICTURE, 304: None})
async def show(request: web.Request) -> web.Response:
    """A square of `size` pixels, WebP, or SVG when it is the drawn one. An address with `v` is kept by browsers for
    good, because `v` changes with the picture.
    """
    parts = request.app[CONTEXT].ready()
    request[CALLER].speaks_with(request.match_info["name"])
    side = queried(request)["size"]
    character = await found(request, parts)
    if character.archived_at is not None and request[CALLER].scope != "admin":
        raise unknown(character.name)
    picture = await pictures.get(parts.pool, character.id, side) if character.picture else None
    if picture:
        data, media_type = picture.data, picture.media_type
    else:
        data, media_type = drawing.svg(character.definition).encode(), "image/svg+xml"
    headers = {
        "ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"',
        "Cache-Control": "private, max-age=31536000, immutable" if "v" in request.query else "private, no-cache",
    }
    shown = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    if headers["ETag"] in shown or "*" in shown:
        return web.Response(status=304, headers=headers)
    return web.Response(body=data, content_type=media_type, headers=headers)


@routes.put("/api/characters/{name}/avatar")
@describe("Give a character a picture", body=schemas.PICTURE_BODY, answers=schemas.ONE)
async def put(request: web.Request) -> web.Response:
    """The body is the picture: PNG, JPEG, WebP or GIF, up to 10 MB. Kept as PNG, without what the camera noted."""
    parts = request.app[CONTEXT].ready()
    desk = request.app[DESK]
    character = await found(request, parts)
    async with desk.upload():
        data = bytes(await body_bytes(request, pictures.MAX_UPLOAD_BYTES, UPLOAD_SECONDS))
        if not data:
            raise RequestError("The body is empty. Send the picture itself as the body.", code="invalid_picture")
        renditions = await desk.work(pictures.from_upload, data)
    return answer(await _saved(parts, character, renditions))


@routes.delete("/api/characters/{name}/avatar")
@describe("Take the picture of a character away", answers=schemas.ONE)
async def delete(request: web.Request) -> web.Response:
    """Back to the drawn one."""
    parts = request.app[CONTEXT].ready()
    return answer(await _saved(parts, await found(request, parts), []))


async def _saved(parts: Parts, character: Character, renditions: list[pictures.Rendition]) -> Character:
    async with parts.pool.acquire() as connection, connection.transaction():
        await pictures.save(connection, character.id, renditions)
        # A card may bring its picture as an embedded file as well: it would leave again as the old one.
        icon = formats.icon_path(character.definition.document)
        if icon and renditions:
            await pictures.replace_file(connection, character.id, icon, renditions[0].data)
        await store.tell(connection, character.name)
    parts.cast.forget(character.name)
    return await store.get(parts.pool, character.name, archived=True) or character
