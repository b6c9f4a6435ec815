"""`whisperengine settings list|get|set|unset|audit`: through the service that runs, or one opened for the command."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from typing import Any

from whisperengine.commands import reach
from whisperengine.config import MASK, Config
from whisperengine.errors import NotFoundError


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="show all settings, secrets masked")
    get = actions.add_parser("get", help="print one setting")
    put = actions.add_parser("set", help="change one setting; it takes effect at once, in every replica")
    unset = actions.add_parser("unset", help="go back to the default")
    audit = actions.add_parser("audit", help="show who changed what")
    for action in (get, put, unset):
        action.add_argument("key", help="such as llm.model")
    put.add_argument("value", nargs="?", help="asked for (secrets unseen), or read from standard input, when left out")
    for action in (listing, get, put, unset, audit):
        action.add_argument("--url", default="", help="address of a running service (default: the configured port)")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    value = _asked(args.key) if args.action == "set" and args.value is None else getattr(args, "value", None)
    async with reach.service(config, args.url) as service:
        if args.action == "audit":
            for entry in (await service.call("GET", "/api/settings/audit"))["entries"]:
                before, after = (_text(entry[name]) or "(default)" for name in ("before", "after"))
                print(f"{entry['at'][:19]}  {entry['by']}  {entry['key']}: {before} -> {after}")
            return 0
        if args.action in ("set", "unset"):
            await service.call("PATCH", "/api/settings", {"changes": {args.key: value}})
        found = (await service.call("GET", "/api/settings"))["settings"]
    if args.action != "list":
        found = [setting for setting in found if setting["key"] == args.key]
        if not found:
            raise NotFoundError(f"There is no setting {args.key!r}. `whisperengine settings list` shows all.")
    for setting in found:
        print(_line(setting))
    return 0


def _asked(key: str) -> str:
    """The value from whoever types it, unseen; from a pipe its whole text."""
    return getpass.getpass(f"{key}: ") if sys.stdin.isatty() else sys.stdin.read().strip()


def _line(setting: dict[str, Any]) -> str:
    shown = (MASK if setting["set"] else "") if setting["type"] == "secret" else _text(setting["value"])
    line = f"{setting['key']} = {shown}  ({setting['source']}{', ' + setting['variable'] if setting['fixed'] else ''})"
    return f"{line}\n  {setting['problem']}" if setting["problem"] else line


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
