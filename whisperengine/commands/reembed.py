"""`whisperengine reembed`: give every message a vector of the configured EMBEDDING_MODEL, while services go on."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from whisperengine.commands.backup import database, say
from whisperengine.commands.user import Progress
from whisperengine.config import Config
from whisperengine.db import migrate
from whisperengine.db.pool import open_pool
from whisperengine.errors import ConfigurationError
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.learning import reembedding
from whisperengine.memory import indexing, vectors


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", action="store_true", help="keep the vectors of the model before")
    parser.add_argument("--share", type=float, default=0.5, help="share of the time to work, 0.01 to 1 (default 0.5)")


def run(args: argparse.Namespace, config: Config) -> int:
    if not 0.01 <= args.share <= 1:
        raise ConfigurationError("--share must be between 0.01 and 1, such as 0.5.")
    if hasattr(os, "nice"):
        os.nice(10)
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    since = datetime.now(UTC)
    files = await asyncio.to_thread(models.ensure, config, say)
    async with database(config) as dsn:
        pool = await open_pool(dsn, 3)
        try:
            async with pool.acquire() as connection:
                await migrate.check(connection)
            encoder = await Encoder.open(config, files)
            try:
                model_id = await indexing.model_id(pool, encoder.model_name, encoder.dimensions)
                progress = Progress(await vectors.count_unmoved(pool, encoder.model_name))

                async def embed(texts: Sequence[str]) -> list[np.ndarray]:
                    return [reading.embedding for reading in await encoder.read(texts)]

                moved = await reembedding.move(pool, model_id, embed, share=args.share, moved=progress.add)
                progress.end(f"{moved:,} messages moved to {encoder.model_name}")
            finally:
                await encoder.close()
            if args.keep:
                return 0
            deleted = await reembedding.drop_old(pool, model_id, since)
        finally:
            await pool.close()
    if deleted is None:
        print(
            f"A service still runs with another model, so that the vectors of that are kept. Set EMBEDDING_MODEL="
            f"{config.embedding_model} there, restart it, and run this again.",
            file=sys.stderr,
        )
        return 1
    print(f"{deleted:,} vectors of other models deleted")
    return 0
