"""`whisperengine key create|list|revoke`: API keys, through the service that runs or one opened for the command."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from whisperengine.commands import reach
from whisperengine.config import Config
from whisperengine.db.keys import SCOPES


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key; it is shown this once")
    create.add_argument("name", nargs="?", default="", help="what it is for")
    create.add_argument("--scope", choices=SCOPES, default="chat", help="chat (default) or admin")
    create.add_argument("--user", default="", metavar="ID", help="the only person that the key may speak for")
    create.add_argument("--character", default="", metavar="NAME", help="the only character that it may speak with")
    listing = actions.add_parser("list", help="show all keys, by their beginnings")
    revoke = actions.add_parser("revoke", help="put a key out of force")
    revoke.add_argument("prefix", help="its beginning, as `list` shows it")
    for action in (create, listing, revoke):
        action.add_argument("--url", default="", help="address of a running service (default: the configured port)")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    async with reach.service(config, args.url) as service:
        if args.action == "create":
            body = {"name": args.name, "scope": args.scope, "person": args.user, "character": args.character}
            print((await service.call("POST", "/api/keys", body))["key"])
        elif args.action == "revoke":
            await service.call("DELETE", f"/api/keys/{args.prefix}")
            print(f"{args.prefix} is out of force.")
        else:
            for key in (await service.call("GET", "/api/keys"))["keys"]:
                print(_line(key))
    return 0


def _line(key: dict[str, Any]) -> str:
    tied = [f"{name} {key[name]}" for name in ("person", "character") if key[name]]
    used = f"used {key['last_used_at'][:10]}" if key["last_used_at"] else "never used"
    state = f"revoked {key['revoked_at'][:10]}" if key["revoked_at"] else used
    return "  ".join([key["prefix"], f"{key['scope']:5}", state, *tied, key["name"]]).rstrip()
