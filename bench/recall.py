"""Evidence recall on LoCoMo, through the product's own storage and recall code; no language model.

    python bench/recall.py ../data/locomo/dev.json [--per-question FILE]

The first speaker of a conversation is the person, the second the character; every question is asked by the person,
after the last session.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.locomo import CATEGORIES, HEADING, Conversation, Scores, load
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.db import migrate
from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.memory import history, indexing, people, recall
from whisperengine.memory.asked import ask
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place, Read


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("WHISPERENGINE_DATA")
    parser.add_argument("data", nargs="?", type=Path, default=Path(default) / "locomo/dev.json" if default else None)
    parser.add_argument("--per-question", type=Path, help="write every question's result as JSON lines")
    args = parser.parse_args()
    if args.data is None or not args.data.exists():
        raise SystemExit(
            "The data is missing. Give the path of a LoCoMo file, or set WHISPERENGINE_DATA to its folder."
        )
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        config = configuration.load()
        config = replace(config, home=Path(home), database_url="", postgres_host="", model_cache_dir=config.models_dir)
        async with app.database(config) as dsn:
            await migrate.up(dsn, report=lambda line: None)
            await evaluate(args, config, dsn)


async def evaluate(args: argparse.Namespace, config, dsn: str) -> None:
    pool = await open_pool(dsn, 4)
    encoder = await Encoder.open(config, models.ensure(config, print))
    model_id = await indexing.model_id(pool, encoder.model_name, encoder.dimensions)
    await pool.execute("insert into characters (id, name, definition) values (1, 'bench', '{}')")
    results: list[tuple[list[int], frozenset[int]]] = []
    questions, took = [], []
    for conversation in load(args.data):
        after = conversation.turns[-1].said_at + timedelta(days=1)
        place, index = await tell(pool, encoder, model_id, conversation)
        for question in conversation.questions:
            asked = ask(
                question.text,
                person=conversation.speakers[0],
                character=conversation.speakers[1],
                now=after,
                zone="UTC",
            )
            reading = (await encoder.read([asked.embedded]))[0]
            start = time.perf_counter()
            found = await recall.recall(pool, place, asked, reading.embedding, model_id, before=new_id(), limit=20)
            took.append((time.perf_counter() - start) * 1000)
            results.append(([index[memory.message_id] for memory in found.memories], question.evidence))
            questions.append((conversation.name, question))
    await encoder.close()
    await pool.close()
    report(args, results, questions, took)


async def tell(pool, encoder, model_id: int, conversation: Conversation) -> tuple[Place, dict[int, int]]:
    """Store a conversation; returns its place (a new channel, so that nothing counts as recent) and index by message
    id.
    """
    person = await people.resolve(pool, "bench", conversation.name, conversation.speakers[0])
    said = [
        Said(turn.said_at, turn.speaker == conversation.speakers[0], turn.speaker, turn.text)
        for turn in conversation.turns
    ]
    readings = await encoder.read([turn.text for turn in conversation.turns])
    reads = [Read(model_id, reading.embedding, reading.emotion.tolist(), "neutral", 0.0) for reading in readings]
    ids = await history.store(pool, Place(person.user_id, 1, "bench:told", False), said, reads)
    return Place(person.user_id, 1, "bench:asked", False), {id: position for position, id in enumerate(ids)}


def report(args: argparse.Namespace, results, questions, took: list[float]) -> None:
    print(f"{'':12} {'n':>5} {HEADING}")
    every = Scores.of(results)
    print(f"{'all':12} {len(results):5} {every.line()}")
    for number, name in CATEGORIES.items():
        chosen = [
            result for result, (_, question) in zip(results, questions, strict=True) if question.category == number
        ]
        if chosen:
            print(f"{name:12} {len(chosen):5} {Scores.of(chosen).line()}")
    for name in sorted({name for name, _ in questions}):
        chosen = [result for result, (conversation, _) in zip(results, questions, strict=True) if conversation == name]
        print(f"{name:12} {len(chosen):5} {Scores.of(chosen).line()}")
    p50, p95 = np.percentile(took, [50, 95])
    print(f"recall p50 {p50:.1f} ms, p95 {p95:.1f} ms (turn level, categories 1-4)")
    names = ("R@5", "R@10", "R@20", "nDCG@10", "MRR")
    print(
        json.dumps(
            {
                "bench": "recall",
                "n": len(results),
                **dict(zip(names, map(lambda v: round(v, 2), every.means), strict=True)),
            }
        )
    )
    if args.per_question:
        with args.per_question.open("w") as out:
            for (ranked, evidence), (name, question) in zip(results, questions, strict=True):
                row = {"conversation": name, "question": question.text, "evidence": sorted(evidence), "found": ranked}
                out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
