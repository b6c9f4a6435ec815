"""`whisperengine COMMAND`: every operation is a subcommand of the one program."""

from __future__ import annotations

import argparse
import importlib
import sys
from types import ModuleType

import whisperengine
from whisperengine import config as configuration
from whisperengine import logs
from whisperengine.errors import WhisperEngineError

COMMANDS = {
    "serve": "run the service (HTTP API; embedded PostgreSQL when no database is configured)",
    "chat": "talk to a character in the terminal",
    "character": "write, change, import and export characters",
    "migrate": "apply and inspect database migrations",
    "models": "show and fetch the model files",
    "reembed": "move all messages to another EMBEDDING_MODEL, while the service runs",
    "backup": "write everything into one file, while the service runs",
    "restore": "bring a backup into an empty database, embedded or not",
    "import-v1": "bring characters and people over from WhisperEngine 1",
    "upgrade-check": "say what this version would change in the database, before it does",
    "user": "show, export, import, erase or link what is kept of a person",
    "key": "create, list and revoke API keys",
    "discord": "invite the Discord bots, and check what they need",
    "settings": "show and change what may be set while the service runs",
    "config": "print the configuration in force, secrets masked",
    "doctor": "check everything and say what to do about each problem",
}


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 fine, 1 an error that is printed, 2 wrong usage or configuration."""
    parser = argparse.ArgumentParser(
        prog="whisperengine",
        description="A self-hosted server for AI characters that remember people.",
        epilog="Settings come from the environment and .env: see docs/configuration.md or `whisperengine config`.",
    )
    parser.add_argument("--version", action="version", version=f"whisperengine {whisperengine.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    argv = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, help in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=help)
        # Only the chosen command is imported: the others' libraries would cost half a second of every start.
        if name == chosen:
            _module(name).configure(command)
    args = parser.parse_args(argv)
    try:
        config = configuration.load()
        logs.configure(config.log_level, config.log_format)
        return _module(args.command).run(args, config)
    except WhisperEngineError as error:
        print(f"whisperengine: {error}", file=sys.stderr)
        return 2 if error.code == "configuration_error" else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"whisperengine.commands.{name.replace('-', '_')}")
