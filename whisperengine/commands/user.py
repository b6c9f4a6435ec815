"""`whisperengine user ACTION`: what is kept of a person, and the person's hold on it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whisperengine.commands import reach
from whisperengine.commands.reach import Service
from whisperengine.config import Config
from whisperengine.errors import RequestError, WhisperEngineError
from whisperengine.memory import export, transcripts

BATCH = 100
RECORDS = 400


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    texts = {
        "show": "what is kept of a person",
        "export": "everything of a person, as lines of JSON",
        "import": "an export, ChatGPT's conversations.json or memories.txt, a SillyTavern chat (.jsonl)",
        "erase": "delete everything of a person",
        "link": "get a code; redeemed for another account, it makes both one person",
        "redeem": "become the person that a code was given to",
        "split": "make an account that was joined a person of its own again",
    }
    for name, help in texts.items():
        action = actions.add_parser(name, help=help, description=help)
        action.add_argument("user", metavar="USER", help="the id under which the person talks")
        action.add_argument("--url", default="", help="address of a running service (default: the configured port)")
        if name == "export":
            action.add_argument("--output", type=Path, help="file to write (default: standard output)")
        elif name == "import":
            action.add_argument("file", type=Path)
            action.add_argument("--character", default="", help="who the talk was with (default: the service's own)")
        elif name == "erase":
            action.add_argument("--yes", action="store_true", help="do not ask")
        elif name == "redeem":
            action.add_argument("code", metavar="CODE")
        if name in ("link", "redeem", "split"):
            action.add_argument("--platform", default="api", help="whose id USER is: api (default) or discord")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    talks = await asyncio.to_thread(_load, args.file) if args.action == "import" else None
    async with reach.service(config, args.url) as service:
        path = f"/api/users/{quote(args.user, safe='')}"
        if args.action == "show":
            print(json.dumps(await service.call("GET", path), indent=2, ensure_ascii=False))
        elif args.action == "export":
            await _export(service, path, args.output)
        elif args.action == "erase":
            return await _erase(service, path, args)
        elif args.action == "link":
            given = await service.call("POST", path + "/link", platform=args.platform)
            print(f"{given['code']}   (until {datetime.fromisoformat(given['expires_at']).astimezone():%H:%M})")
            print("Type it within ten minutes on the other platform: /link there, or `whisperengine user redeem`.")
        elif args.action == "redeem":
            await service.call("POST", path + "/link/redeem", {"code": args.code}, platform=args.platform)
            print(f"{args.user} is now the same person there and here. `whisperengine user split` undoes it.")
        elif args.action == "split":
            await service.call("DELETE", path + "/link", platform=args.platform)
            print(f"{args.user} is a person of its own again.")
        elif isinstance(talks, Path):
            await _import_records(service, path, talks)
        elif talks is not None:
            await _import_talks(service, path, talks, args.character)
    return 0


def _load(file: Path) -> Path | list[transcripts.Transcript]:
    """Talks of other programs; the path itself when it is an export of ours."""
    if _is_export(file):
        return file
    return transcripts.read(file)


def _is_export(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as opened:
            return f'"format": "{export.FORMAT}"' in opened.read(500)
    except (OSError, UnicodeDecodeError):
        return False


async def _export(service: Service, path: str, output: Path | None) -> None:
    """Written beside the target and renamed, so that a broken export never looks like a whole one."""
    await service.call("GET", path)
    async with service.session.get(service.url + path + "/export", params={"format": "ndjson"}) as response:
        if output is None:
            async for chunk in response.content.iter_any():
                sys.stdout.buffer.write(chunk)
            return
        part = output.with_name(output.name + ".part")
        with part.open("wb") as opened:
            async for chunk in response.content.iter_any():
                await asyncio.to_thread(opened.write, chunk)
        await asyncio.to_thread(os.replace, part, output)
    print(f"{output} written", file=sys.stderr)


async def _erase(service: Service, path: str, args: argparse.Namespace) -> int:
    found = await service.call("GET", path)
    messages = sum(row["messages"] for row in found["characters"])
    if not args.yes:
        print(f"Everything of {args.user} will be deleted: {messages} messages and all that was learned from them.")
        if (await asyncio.to_thread(input, f"Type {args.user} to go on: ")).strip() != args.user:
            print("Nothing was deleted.")
            return 1
    deleted = (await service.call("DELETE", path))["deleted"]
    print("Deleted: " + ", ".join(f"{count} {table}" for table, count in deleted.items() if count))
    return 0


async def _import_talks(service: Service, path: str, talks: list[transcripts.Transcript], character: str) -> None:
    total = sum(len(talk.said) for talk in talks) + sum(len(talk.facts) for talk in talks)
    progress = Progress(total)
    stored = 0
    for talk in talks:
        for batch in transcripts.batches(talk, BATCH):
            messages = [
                {
                    "said_at": said.said_at.isoformat(),
                    "role": "person" if said.by_person else "character",
                    "speaker": said.speaker,
                    "text": said.content,
                    "key": said.key,
                }
                for said in batch
            ]
            body = {"character": character, "channel": talk.channel, "messages": messages}
            stored += (await service.call("POST", path + "/history", body))["stored"]
            progress.add(len(batch))
        for fact in talk.facts:
            stored += await _import_fact(service, path, fact, character)
            progress.add(1)
    progress.end(f"{stored} stored, {total - stored} known already")


async def _import_fact(service: Service, path: str, fact: str, character: str) -> int:
    try:
        answer = await service.call("POST", path + "/facts", {"text": fact}, character=character)
    except WhisperEngineError as error:
        if error.code != "unknown_user":
            raise
        # The first thing that is ever known of this person is a fact: an empty name makes the person.
        await service.call("POST", path + "/records", {"records": [_nobody()]})
        answer = await service.call("POST", path + "/facts", {"text": fact}, character=character)
    return int(answer["new"])


def _nobody() -> dict[str, Any]:
    return {
        "type": "person",
        "format": export.FORMAT,
        "version": export.VERSION,
        "display_name": "",
        "time_zone": "UTC",
    }


async def _import_records(service: Service, path: str, file: Path) -> None:
    progress = Progress(await asyncio.to_thread(lambda: sum(1 for _ in _records(file))))
    added: dict[str, int] = {}
    left_out: set[str] = set()
    for batch in _led(_records(file)):
        answer = await service.call("POST", path + "/records", {"records": batch})
        for kind, count in answer["added"].items():
            added[kind] = added.get(kind, 0) + count
        left_out.update(answer["left_out"])
        progress.add(len(batch))
    progress.end(", ".join(f"{added.get(kind, 0)} {kind}s" for kind in ("message", "fact", "summary")) + " added")
    if left_out:
        print(f"Left out, because there is no such character here: {', '.join(sorted(left_out))}", file=sys.stderr)


def _records(file: Path) -> Iterator[Any]:
    """Records of an export in either form, one at a time: the document has one on each line too."""
    with file.open(encoding="utf-8") as opened:
        for number, line in enumerate(opened, 1):
            text = line.strip().rstrip(",")
            if not text or text == "]}" or text.endswith('"records": ['):
                continue
            try:
                yield json.loads(text)
            except ValueError:
                raise RequestError(f"{file} line {number} is damaged. Export again.", code="invalid_export") from None


def _led(records: Iterable[Any]) -> Iterator[list[Any]]:
    """Batches that begin with the person and the conversation that their records belong to."""
    lead: dict[str, Any] = {}
    batch: list[Any] = []
    for record in records:
        kind = record.get("type") if isinstance(record, dict) else None
        if kind == "person":
            lead = {"person": record}
        elif kind == "conversation":
            lead["conversation"] = record
        batch.append(record)
        if len(batch) >= RECORDS:
            yield batch
            batch = list(lead.values())
    if batch:
        yield batch


class Progress:
    """A bar on a terminal, silence elsewhere until the end."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._shown = sys.stderr.isatty()

    def add(self, count: int) -> None:
        self._done = min(self._done + count, self._total)
        if self._shown:
            width = 40 * self._done // max(self._total, 1)
            print(f"\r[{'#' * width:40}] {self._done}/{self._total}", end="", file=sys.stderr, flush=True)

    def end(self, text: str) -> None:
        print(("\n" if self._shown else "") + text, file=sys.stderr)
