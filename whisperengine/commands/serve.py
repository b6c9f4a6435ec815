"""`whisperengine serve`."""

from __future__ import annotations

import argparse
import asyncio

from whisperengine import app
from whisperengine.config import Config


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own: the environment configures the service."""


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(app.serve(config, lambda line: print(line, flush=True)))
