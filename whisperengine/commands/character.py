"""`whisperengine character ...`: characters, through the service that runs or one opened for the command."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from whisperengine.characters.definition import parse
from whisperengine.characters.formats import MEDIA
from whisperengine.characters.text_files import write_yaml
from whisperengine.commands import reach
from whisperengine.commands.character_editor import Editor, starter
from whisperengine.commands.reach import Service
from whisperengine.config import Config
from whisperengine.errors import RequestError, WhisperEngineError

ROUTE = "/api/characters"
TEXTS = {
    "list": "all characters",
    "show": "a character as YAML",
    "new": "write a character in $EDITOR",
    "edit": "change a character in $EDITOR",
    "import": "read cards (Tavern V1 to V3 as JSON, PNG or CHARX), CDL, YAML, lorebooks",
    "export": "write a character to a file",
    "prompt": "what the model would be told, part by part",
    "archive": "put a character out of use; its memories stay",
    "restore": "bring an archived character back",
    "versions": "what each saved version changed; bring one back with --restore",
}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = {name: actions.add_parser(name, help=help, description=help) for name, help in TEXTS.items()}
    for name, action in made.items():
        action.add_argument("--url", default="", help="address of a running service (default: the configured port)")
        if name == "import":
            action.add_argument("file", type=Path, nargs="+")
        elif name != "list":
            action.add_argument("name", metavar="NAME")
    made["list"].add_argument("--archived", action="store_true", help="the archived ones too")
    made["list"].add_argument("--tag", default="", help="only those with this tag")
    made["show"].add_argument("--json", action="store_true", help="JSON instead of YAML")
    made["new"].add_argument("--template", action="store_true", help="begin with every field that there is, explained")
    made["import"].add_argument("--name", default="", help="the name it gets; for a lorebook, who gets it")
    made["import"].add_argument("--on-conflict", default="fail", choices=("fail", "replace", "rename"))
    made["import"].add_argument("--dry-run", action="store_true", help="only say what would come in")
    made["export"].add_argument(
        "--format", default="cdl-yaml", help="cdl-yaml (default), cdl-json, " + ", ".join(MEDIA)
    )
    made["export"].add_argument("--output", type=Path, help="file to write (default: standard output)")
    made["prompt"].add_argument("--user", default="", metavar="ID", help="the person who talks")
    made["prompt"].add_argument("--message", default="", metavar="TEXT", help="what is said")
    made["versions"].add_argument("--restore", type=int, metavar="N", help="make version N the present one")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    async with reach.service(config, args.url) as service:
        path = f"{ROUTE}/{quote(args.name, safe='')}" if args.action != "list" and args.action != "import" else ROUTE
        match args.action:
            case "list":
                await _list(service, args)
            case "show":
                await _show(service, path, args.json)
            case "new":
                return await _new(service, args)
            case "edit":
                return await Editor(service, args.name).edit()
            case "import":
                return await _import(service, args)
            case "export":
                await _export(service, path, args)
            case "prompt":
                await _prompt(service, path, args)
            case "versions":
                await _versions(service, path, args)
            case "archive":
                await service.call("DELETE", path)
                print(f"{args.name} is archived; `whisperengine character restore {args.name}` brings it back.")
            case _:
                await service.call("POST", path + "/restore")
                print(f"{args.name} is back in use.")
    return 0


async def _list(service: Service, args: argparse.Namespace) -> None:
    answer = await service.call("GET", ROUTE, archived="all" if args.archived else "false", tag=args.tag)
    rows = answer["characters"]
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        marks = [row["display_name"], f"version {row['version']}", ", ".join(row["tags"])]
        marks += ["default"] if row["name"] == answer["default"] else []
        marks += ["shipped"] if row["builtin"] else []
        marks += ["archived"] if row["archived"] else []
        print(f"{row['name']:{width}}  " + "  ".join(filter(None, marks)))


async def _show(service: Service, path: str, as_json: bool) -> None:
    definition = (await service.call("GET", path))["character"]["definition"]
    print(json.dumps(definition, indent=2, ensure_ascii=False) if as_json else write_yaml(definition), end="")
    if as_json:
        print()


async def _new(service: Service, args: argparse.Namespace) -> int:
    parse({"cdl": "3.0", "name": args.name})
    if any(row["name"] == args.name for row in (await service.call("GET", ROUTE, archived="all"))["characters"]):
        raise RequestError(f"There is a character named {args.name}. Change it with `whisperengine character edit`.")
    text = starter(args.name)
    if args.template:
        async with service.session.get(service.url + ROUTE + "/template") as response:
            text = (await response.text()).replace("name: ", f"name: {args.name}  # was: ", 1)
    return await Editor(service, args.name).write(text)


async def _import(service: Service, args: argparse.Namespace) -> int:
    failed = 0
    for file in args.file:
        try:
            data = await asyncio.to_thread(file.read_bytes)
            print(f"{file}: {_told(await _sent(service, file.name, data, args))}")
        except (OSError, WhisperEngineError) as error:
            failed += 1
            print(f"{file}: {error.strerror if isinstance(error, OSError) else error}", file=sys.stderr)
    return 1 if failed else 0


async def _sent(service: Service, filename: str, data: bytes, args: argparse.Namespace) -> dict[str, Any]:
    form = aiohttp.FormData({"name": args.name, "on_conflict": args.on_conflict, "dry_run": str(int(args.dry_run))})
    form.add_field("file", data, filename=filename)
    async with service.session.post(service.url + ROUTE + "/import", data=form) as response:
        answer = await response.json()
    if response.status >= 400:
        raise WhisperEngineError(answer["error"], code=answer["code"])
    return answer


def _told(answer: dict[str, Any]) -> str:
    name = answer["name"] if answer.get("dry_run") else answer["character"]["name"]
    exists = " (there is one of that name)" if answer.get("exists") else ""
    lines = [f"{'would become' if answer.get('dry_run') else 'is now'} {name}{exists}, from {answer['format']}"]
    lines += [f"  lost: {item['path']} {item['why']}" for item in answer["lost"]]
    return "\n".join(lines + [f"  note: {warning}" for warning in answer["warnings"]])


async def _export(service: Service, path: str, args: argparse.Namespace) -> None:
    # Asked for first: it is answered in JSON, and so is what is wrong with the request.
    report = await service.call("GET", path + "/export", format=args.format, report=1)
    async with service.session.get(service.url + path + "/export", params={"format": args.format}) as response:
        data = await response.read()
    if args.output:
        await asyncio.to_thread(args.output.write_bytes, data)
        print(f"{args.output} written", file=sys.stderr)
    elif sys.stdout.isatty() and args.format in ("png", "charx"):
        raise RequestError(f"{args.format} is no text for a terminal. Name a file with --output.")
    else:
        sys.stdout.buffer.write(data)
    for note in report["notes"]:
        print(f"note: {note}", file=sys.stderr)


async def _prompt(service: Service, path: str, args: argparse.Namespace) -> None:
    answer = await service.call("GET", path + "/prompt", user_id=args.user, message=args.message)
    for section in answer["sections"]:
        cut = f"  [{section['cut']}]" if section["cut"] else ""
        print(f"── {section['name']} ({section['role']}, {section['tokens']} tokens){cut}\n{section['text']}\n")
    print(f"{answer['tokens']} of {answer['budget']} tokens")


async def _versions(service: Service, path: str, args: argparse.Namespace) -> None:
    if args.restore is not None:
        character = (await service.call("POST", f"{path}/versions/{args.restore}/restore"))["character"]
        print(f"{args.name} is as it was in version {args.restore}; this is version {character['version']}.")
        return
    for row in (await service.call("GET", path + "/versions"))["versions"]:
        print("  ".join(filter(None, [f"{row['version']:4}", row["saved_at"][:16], row["by"], row["summary"]])))
