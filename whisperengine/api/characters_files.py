"""/api/characters/import and /export: characters as files, read and written off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import BodyPartReader, web

from whisperengine.api import character_schemas as schemas
from whisperengine.api.characters import answer, check_free, found, saved_by, unknown
from whisperengine.api.context import CONTEXT, Parts
from whisperengine.api.description import describe, queried
from whisperengine.characters import pictures, store
from whisperengine.characters.definition import Definition, parse
from whisperengine.characters.formats import Exported, Imported, export_bytes, import_bytes
from whisperengine.characters.mapping import Lost
from whisperengine.characters.png import is_png
from whisperengine.characters.schema import ordered
from whisperengine.characters.store import Character
from whisperengine.db.pool import Connection
from whisperengine.errors import ConflictError, RequestError, TooLargeError

UPLOAD_BYTES = 25 * 1024 * 1024
UPLOAD_SECONDS = 300.0
UPLOADS_AT_ONCE = 3
CONFLICTS = ("fail", "replace", "rename")
RENAMES = 1000
FORMATS = {"cdl-json": "json", "cdl-yaml": "yaml", "v1-json": "v1", "v2-json": "v2", "v3-json": "v3"}
"""Names of formats in requests, where they are not those of `characters/formats.py`."""

Result = TypeVar("Result")
routes = web.RouteTableDef()


class Desk:
    """Bounds what work on files takes: a few uploads in memory, one of them in work at a time."""

    def __init__(self) -> None:
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._thread = ThreadPoolExecutor(1, "character files")

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[None]:
        async with self._uploads:
            yield

    async def work(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


DESK = web.AppKey("desk", Desk)


@dataclass
class Upload:
    """The fields of an import form."""

    data: bytes = field(default=b"", repr=False)
    filename: str = ""
    name: str = ""
    on_conflict: str = "fail"
    dry_run: bool = False


@dataclass(frozen=True)
class Read:
    """What a file held, with what is kept of its picture."""

    imported: Imported
    renditions: list[pictures.Rendition]
    warnings: list[str]


@routes.post("/api/characters/import")
@describe(
    "Import a file",
    body=schemas.UPLOAD,
    answers={200: {"anyOf": [schemas.PREVIEW_OF_IMPORT, schemas.IMPORTED]}, 201: schemas.IMPORTED},
    fails=(404, 409),
)
async def import_file(request: web.Request) -> web.Response:
    """A form (`file`, and `dry_run`, `on_conflict`, `name`). A lorebook alone goes to the character `name`."""
    parts = request.app[CONTEXT].ready()
    desk = request.app[DESK]
    async with desk.upload():
        upload = await _upload(request)
        read = await desk.work(_read, upload.data, upload.filename)
        upload.data = b""
        if read.imported.definition is None:
            return await _import_lorebook(request, parts, read, upload)
        definition = await asyncio.to_thread(_named, read.imported.definition, upload.name)
        existing = await store.get(parts.pool, definition.name, archived=True)
        if upload.dry_run:
            return web.json_response(_preview(read, definition, existing))
        async with parts.pool.acquire() as connection, connection.transaction():
            character, status = await _stored(request, connection, read, definition, upload)
            if read.renditions:
                await pictures.save(connection, character.id, read.renditions)
            await pictures.save_files(connection, character.id, read.imported.assets)
    parts.cast.forget(character.name)
    character = await store.get(parts.pool, character.name, archived=True) or character
    return answer(character, status, **_report(read))


async def _stored(
    request: web.Request, connection: Connection, read: Read, definition: Definition, upload: Upload
) -> tuple[Character, int]:
    note, by = f"imported ({read.imported.format})", saved_by(request)
    if upload.on_conflict == "replace":
        await store.restore(connection, definition.name)
        replaced = await store.replace(
            connection, definition.name, definition, expected_version=None, note=note, saved_by=by
        )
        if replaced:
            return replaced, 200
    if upload.on_conflict == "rename":
        definition = await asyncio.to_thread(_named, definition, await _free_name(connection, definition.name))
    return await store.create(connection, definition, note=note, saved_by=by), 201


async def _import_lorebook(request: web.Request, parts: Parts, read: Read, upload: Upload) -> web.Response:
    if not upload.name:
        raise RequestError(
            "The file holds a lorebook without a character. Send the name of the character that gets it as `name`.",
            code="character_required",
        )
    character = await store.get(parts.pool, upload.name, archived=True)
    if character is None:
        raise unknown(upload.name)
    if character.definition.lorebook and upload.on_conflict != "replace" and not upload.dry_run:
        raise ConflictError(
            f"{character.name} has a lorebook. Send on_conflict=replace to put this one in its place.",
            code="lorebook_exists",
        )
    document = {**character.definition.document, "lorebook": read.imported.lorebook}
    definition = await asyncio.to_thread(parse, document)
    if upload.dry_run:
        return web.json_response(_preview(read, definition, character))
    async with parts.pool.acquire() as connection:
        saved = await store.replace(
            connection,
            character.name,
            definition,
            expected_version=character.version,
            note=f"lorebook imported ({read.imported.format})",
            saved_by=saved_by(request),
        )
    parts.cast.forget(character.name)
    return answer(saved or character, 200, **_report(read))


def _read(data: bytes, filename: str) -> Read:
    imported = import_bytes(data, filename)
    warnings = [note for note in imported.notes if not isinstance(note, Lost)]
    renditions: list[pictures.Rendition] = []
    if imported.avatar:
        try:
            renditions = pictures.from_card(imported.avatar, imported.avatar_type)
        except RequestError as error:
            warnings.append(f"{error} The card's picture is kept for exports; a drawn one is shown.")
            renditions = pictures.unshown(imported.avatar, imported.avatar_type)
    return Read(imported, renditions, warnings)


def _named(definition: Definition, name: str) -> Definition:
    check_free(name or definition.name)
    return parse({**definition.document, "name": name}) if name and name != definition.name else definition


async def _free_name(connection: Connection, name: str) -> str:
    """`name`, or with the first number behind it that nobody has."""
    for number in range(1, RENAMES):
        end = "" if number == 1 else f"_{number}"
        wanted = name[: 64 - len(end)].rstrip("_-") + end if end else name
        if not await store.get(connection, wanted, archived=True):
            return wanted
    raise ConflictError(f"There are too many characters named {name}. Send another `name`.", code="name_taken")


def _report(read: Read) -> dict[str, Any]:
    lost = [{"path": note.path, "why": note.why} for note in read.imported.notes if isinstance(note, Lost)]
    return {"format": read.imported.format, "lost": lost, "warnings": read.warnings}


def _preview(read: Read, definition: Definition, existing: Character | None) -> dict[str, Any]:
    return {
        "success": True,
        "dry_run": True,
        "name": definition.name,
        "display_name": definition.full_name,
        "exists": existing is not None,
        "definition": ordered(definition.document),
        "has_picture": any(one.side for one in read.renditions),
        "files": len(read.imported.assets),
        **_report(read),
    }


async def _upload(request: web.Request) -> Upload:
    """The fields of the form. Its size is bounded here: the service's own limit is far smaller."""
    if request.content_type != "multipart/form-data":
        raise RequestError("Send a form (multipart/form-data) with the file in its field `file`.", code="invalid_form")
    upload = Upload()
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            await _read_form(request, upload)
    except TimeoutError:
        raise RequestError("The file did not arrive in time. Send it again.", code="body_timeout") from None
    except ValueError:
        raise RequestError(
            "The form cannot be read. Send it as browsers and curl -F do.", code="invalid_form"
        ) from None
    if not upload.data:
        raise RequestError("The form has no file. Send one in its field `file`.", code="file_required")
    if upload.on_conflict not in CONFLICTS:
        raise RequestError(f"on_conflict must be one of {', '.join(CONFLICTS)}.", code="invalid_field")
    return upload


async def _read_form(request: web.Request, upload: Upload) -> None:
    room = UPLOAD_BYTES
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within the form")
        value = bytearray()
        while chunk := await part.read_chunk(256 * 1024):
            value += chunk
            if len(value) > room:
                raise TooLargeError(
                    f"The file is larger than {UPLOAD_BYTES // 1024 // 1024} MiB. Use a smaller picture."
                )
        room -= len(value)
        if part.name == "file":
            upload.data, upload.filename = bytes(value), part.filename or ""
            continue
        text = value.decode("utf-8").strip()
        match part.name:
            case "name":
                upload.name = text
            case "on_conflict":
                upload.on_conflict = text or "fail"
            case "dry_run":
                upload.dry_run = text.lower() in ("1", "true", "on", "yes")


@routes.get("/api/characters/{name}/export")
@describe("Export a character", query=schemas.EXPORT_QUERY, answers=schemas.EXPORTED)
async def export(request: web.Request) -> web.Response:
    """A download; with `report=1` what the format has no place for, in the place of the file."""
    parts = request.app[CONTEXT].ready()
    character = await found(request, parts)
    asked = queried(request)["format"]
    picture = await pictures.get(parts.pool, character.id) if character.picture else None
    files = await pictures.files(parts.pool, character.id)
    made = await request.app[DESK].work(_export, character.definition, asked, picture, files)
    if queried(request)["report"]:
        return web.json_response({"success": True, "filename": made.filename, "notes": made.notes})
    return web.Response(
        body=made.data,
        content_type=made.media_type,
        headers={"Content-Disposition": f'attachment; filename="{made.filename}"'},
    )


def _export(
    definition: Definition, asked: str, picture: pictures.Rendition | None, files: Mapping[str, bytes]
) -> Exported:
    data = picture.data if picture else None
    if data is not None and asked == "png" and not is_png(data):
        # What cannot be turned into PNG is told in the notes of the export, which draws one instead.
        with suppress(RequestError):
            data = pictures.as_png(data)
    return export_bytes(definition, FORMATS.get(asked, asked), data, files)  # type: ignore[arg-type]
