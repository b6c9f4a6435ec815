"""Evidence recall on LoCoMo, through the product's own storage and recall code; no language model.

    python bench/recall.py ../data/locomo/dev.json [--per-question FILE] [--ablation]

The first speaker of a conversation is the person, the second the character; every question is asked by the person,
after the last session. `--ablation` asks again with each part of the score switched off, by a weight of zero in the
product's own code (the candidates stay as they are), and with plain BM25 and plain MiniLM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.locomo import CATEGORIES, HEADING, Conversation, Scores, load
from whisperengine import app
from whisperengine import config as configuration
from whisperengine.config import Config
from whisperengine.db import migrate
from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.memory import history, indexing, people, recall, scoring
from whisperengine.memory.asked import Asked, ask
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place, Read


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablation", action="store_true", help="one line for each part that is switched off")
    parser.add_argument("--per-question", type=Path, help="write every question's result as JSON lines")
    args = with_data(parser)
    async with own_database() as (config, dsn), opened(config, dsn) as store:
        await evaluate(args, store)


def with_data(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments, with `data`, the path of a LoCoMo file that is there."""
    default = os.environ.get("WHISPERENGINE_DATA")
    parser.add_argument("data", nargs="?", type=Path, default=Path(default) / "locomo/dev.json" if default else None)
    args = parser.parse_args()
    if args.data is None or not args.data.exists():
        raise SystemExit(
            "The data is missing. Give the path of a LoCoMo file, or set WHISPERENGINE_DATA to its folder."
        )
    return args


@dataclass(frozen=True)
class Store:
    """The product's storage and encoder."""

    pool: asyncpg.Pool
    encoder: Encoder
    model_id: int


@asynccontextmanager
async def own_database() -> AsyncIterator[tuple[Config, str]]:
    """The configured service on an embedded PostgreSQL of its own; its DSN."""
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        config = configuration.load()
        config = replace(config, home=Path(home), database_url="", postgres_host="", model_cache_dir=config.models_dir)
        async with app.database(config) as dsn:
            await migrate.up(dsn, report=lambda line: None)
            yield config, dsn


@asynccontextmanager
async def opened(config: Config, dsn: str) -> AsyncIterator[Store]:
    """A migrated database with nobody in it, ready to be told conversations."""
    async with await open_pool(dsn, 4) as pool:
        encoder = await Encoder.open(config, models.ensure(config, print))
        try:
            await pool.execute("insert into characters (id, name, definition) values (1, 'bench', '{}')")
            yield Store(pool, encoder, await indexing.model_id(pool, encoder.model_name, encoder.dimensions))
        finally:
            await encoder.close()


async def understood(store: Store, conversation: Conversation, question: str) -> tuple[Asked, np.ndarray]:
    """What is asked by the first speaker, a day after the last session, and its embedding."""
    asked = ask(
        question,
        person=conversation.speakers[0],
        character=conversation.speakers[1],
        now=conversation.turns[-1].said_at + timedelta(days=1),
        zone="UTC",
    )
    reading = (await store.encoder.read([asked.embedded]))[0]
    return asked, reading.embedding


async def evaluate(args: argparse.Namespace, store: Store) -> None:
    pool, encoder, model_id = store.pool, store.encoder, store.model_id
    results: list[tuple[list[int], frozenset[int]]] = []
    questions, took = [], []
    ablated: dict[str, list[tuple[list[int], frozenset[int]]]] = {}
    for conversation in load(args.data):
        place, index = await tell(store, conversation)
        named = await embedded_with_names(encoder, conversation) if args.ablation else np.empty(0)
        for question in conversation.questions:
            asked, embedding = await understood(store, conversation, question.text)
            start = time.perf_counter()
            found = await recall.recall(pool, place, asked, embedding, model_id, before=new_id(), limit=20)
            took.append((time.perf_counter() - start) * 1000)
            results.append(([index[memory.message_id] for memory in found.memories], question.evidence))
            questions.append((conversation.name, question))
            if args.ablation:
                for name, ranked in (await ablation(pool, place, asked, embedding, model_id)).items():
                    ablated.setdefault(name, []).append(([index[id] for id in ranked], question.evidence))
                found = await plain(pool, encoder, place, conversation, named, question.text, index)
                for name, ranked in found.items():
                    ablated.setdefault(name, []).append((ranked, question.evidence))
    report(args, results, questions, took)
    if ablated:
        report_ablation(results, ablated)


SWITCHED = {
    "without lexical (cover, session)": ("cover", "session"),
    "without semantic (dense, dense_near)": ("dense", "dense_near"),
    "without dense": ("dense",),
    "without dense_near": ("dense_near",),
    "without cover": ("cover",),
    "without session": ("session",),
    "without who": ("who",),
    "without date": ("date",),
    "without when": ("when",),
    "without date, when": ("date", "when"),
    "without asks": ("asks",),
    "without faded": ("faded",),
}


async def ablation(pool, place: Place, asked, embedding: np.ndarray, model_id: int) -> dict[str, list[int]]:
    """Message ids, best first, by what was switched off."""
    found = {}
    before = new_id()
    weights, reach = dict(scoring.WEIGHTS), dict(scoring.REACH)
    try:
        for name, parts in SWITCHED.items():
            scoring.WEIGHTS.update(weights | dict.fromkeys(parts, 0.0))
            rows = await recall.recall(pool, place, asked, embedding, model_id, before=before, limit=20)
            found[name] = [memory.message_id for memory in rows.memories]
        scoring.WEIGHTS.update(weights)
        scoring.REACH.update(dict.fromkeys(reach, 0.0))
        rows = await recall.recall(pool, place, asked, embedding, model_id, before=before, limit=20)
        found["without neighbours' terms in cover"] = [row.message_id for row in rows.memories]
    finally:
        scoring.WEIGHTS.update(weights)
        scoring.REACH.update(reach)
    return found


# What others do: the words, or the embedding, of "Speaker: text" against those of the question, and nothing else.
PLAIN_BM25 = """
with query as (select unnest(tsvector_to_array(to_tsvector('english', $3))) as lexeme),
mine as materialized (select message_id, to_tsvector('english', case role when 'person' then $4 else $5 end || ': '
  || content) as terms from messages where user_id = $1 and character_id = $2),
hit as (select message_id, length(terms) as n, lexeme from mine join query on lexeme = any(tsvector_to_array(terms))),
rarity as (select lexeme, ln(1 + ((select count(*) from mine) - count(*) + 0.5) / (count(*) + 0.5)) as idf
  from hit group by lexeme)
select message_id from hit join rarity using (lexeme) group by message_id order by
  sum(idf * 1.9 / (1 + 0.9 * (0.7 + 0.3::float8 * n / (select avg(length(terms)) from mine)))) desc limit 20
"""


async def embedded_with_names(encoder, conversation: Conversation) -> np.ndarray:
    """float32 (turns, dimensions) of "Speaker: text"."""
    readings = await encoder.read([f"{turn.speaker}: {turn.text}" for turn in conversation.turns])
    return np.stack([reading.embedding for reading in readings])


async def plain(pool, encoder, place: Place, conversation: Conversation, named: np.ndarray, question: str, index):
    """Indexes of turns, best first, by BM25 and by MiniLM; `named` from `embedded_with_names`."""
    rows = await pool.fetch(PLAIN_BM25, place.user_id, place.character_id, question, *conversation.speakers)
    reading = (await encoder.read([question]))[0]
    nearest = np.argsort(-(named @ reading.embedding), kind="stable")[:20]
    return {"plain BM25": [index[row["message_id"]] for row in rows], "plain MiniLM": nearest.tolist()}


def report_ablation(results, ablated) -> None:
    whole = Scores.of(results)
    print(f"\n{'':56} {HEADING}   R@10 lost")
    print(f"{'all parts':56} {whole.line()}")
    for name, ranked in ablated.items():
        scores = Scores.of(ranked)
        print(f"{name:56} {scores.line()}   {whole.means[1] - scores.means[1]:+.1f}")


async def tell(store: Store, conversation: Conversation) -> tuple[Place, dict[int, int]]:
    """Store a conversation; returns its place (a new channel, so that nothing counts as recent) and index by message
    id.
    """
    person = await people.resolve(store.pool, "bench", conversation.name, conversation.speakers[0])
    said = [
        Said(turn.said_at, turn.speaker == conversation.speakers[0], turn.speaker, turn.text)
        for turn in conversation.turns
    ]
    readings = await store.encoder.read([turn.text for turn in conversation.turns])
    reads = [Read(store.model_id, reading.embedding, reading.emotion.tolist(), "neutral", 0.0) for reading in readings]
    ids = await history.store(store.pool, Place(person.user_id, 1, "bench:told", False), said, reads)
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
