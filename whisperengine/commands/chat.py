"""`whisperengine chat`: talk to a character in the terminal, through a running service or one opened for the talk."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from whisperengine.commands import reach
from whisperengine.commands.reach import Service
from whisperengine.config import Config

HELP = "/why  what was recalled for the last answer    /mood  how you both feel    /quit  leave"

DIM, BOLD, PLAIN = "\033[2m", "\033[1m", "\033[0m"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--character", default="", metavar="NAME", help="whom to talk to (default: the service's own)")
    parser.add_argument("--user", default="", metavar="ID", help="who you are (default: your login name)")
    parser.add_argument("--url", default="", help="address of a running service (default: the configured port)")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    async with reach.service(config, args.url) as service:
        return await Talk(service, args).run()


class Talk:
    """One sitting at the terminal; remembers the last answer for /why and /mood."""

    def __init__(self, service: Service, args: argparse.Namespace) -> None:
        self._session, self._url, self._args = service.session, service.url, args
        self._user = args.user or getpass.getuser()
        self._last: dict[str, Any] | None = None
        self._color = sys.stdout.isatty()

    async def run(self) -> int:
        if sys.stdin.isatty():
            # Importing readline gives input() its editing and its history.
            import readline  # noqa: F401

            print(self._dim(HELP))
        while True:
            try:
                line = (await asyncio.to_thread(input, self._bold("you: ") if sys.stdin.isatty() else "")).strip()
            except EOFError:
                return 0
            if line in ("/quit", "/exit", "/q"):
                return 0
            if line == "/why":
                print(self._why())
            elif line == "/mood":
                print(self._mood())
            elif line.startswith("/"):
                print(self._dim(HELP))
            elif line:
                await self._say(line)

    async def _say(self, text: str) -> None:
        body = {
            "user_id": self._user,
            "message": text,
            "character": self._args.character or None,
            "stream": True,
            "metadata_level": "extended",
            "context": {"channel_id": "terminal", "user_name": self._user},
        }
        started = False
        try:
            async with self._session.post(f"{self._url}/api/chat", json=body) as response:
                if response.content_type != "text/event-stream":
                    print(self._dim((await response.json())["error"]))
                    return
                async for event, data in _events(response):
                    if event == "token":
                        if not started:
                            print(self._bold("… "), end="")
                        started = True
                        print(data["token"], end="", flush=True)
                    elif event == "done":
                        self._last = data
                    elif event == "error":
                        print("\n" + self._dim(data["error"]), end="")
        except (aiohttp.ClientError, ValueError) as error:
            print(
                self._dim(
                    f"The service does not answer ({type(error).__name__}). What you said may be kept; try again."
                )
            )
        print()

    def _why(self) -> str:
        if not self._last:
            return self._dim("Nothing has been answered yet.")
        found = self._last["metadata"]["vector_memory"]["memories"]
        if not found:
            return self._dim("Nothing was recalled.")
        return "\n".join(
            f"{memory['score']:6.2f}  {self._dim(_parts(memory['scores']))}  {memory['said_at'][:10]} "
            f"{memory['speaker']}: {memory['content'][:100]}"
            for memory in found
        )

    def _mood(self) -> str:
        if not self._last:
            return self._dim("Nothing has been answered yet.")
        parts = self._last["metadata"]["ai_components"]
        lines = []
        for who, key in (("you", "emotion_data"), (self._last["bot_name"], "bot_emotion")):
            if key in parts:
                feeling = parts[key]
                mixed = ", ".join(name for name, _ in feeling["mixed_emotions"])
                lines.append(
                    f"{who}: {feeling['primary_emotion']} ({feeling['intensity']:.2f})"
                    + (f", also {mixed}" if mixed else "")
                )
        state = parts["relationship_state"]
        lines.append(
            f"trust {state['trust']:.2f}  affection {state['affection']:.2f}  attunement {state['attunement']:.2f}  "
            f"({state['relationship_depth'].replace('_', ' ')}, {state['interaction_count']} turns)"
        )
        return "\n".join(lines)

    def _dim(self, text: str) -> str:
        return f"{DIM}{text}{PLAIN}" if self._color else text

    def _bold(self, text: str) -> str:
        return f"{BOLD}{text}{PLAIN}" if self._color else text


def _parts(scores: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.2f}" for name, value in scores.items())


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Server-sent events of our own service: one `event:` and one `data:` line each."""
    event = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))
