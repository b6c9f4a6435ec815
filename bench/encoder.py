"""The encoder against fastembed's own session on the same weights, in one run.

    python bench/encoder.py DATA [--singles 200] [--bulk 1000] [--rounds 3] [--memory 20000]

DATA: folder with goemotions/dev.tsv, or WHISPERENGINE_DATA. Contenders take turns message by message, so that other
load hits all alike; CPU time is that of the whole process. Prints a table and one JSON line.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the peak is that of one core

import argparse
import asyncio
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from whisperengine import config as configuration
from whisperengine.inference import build, graph, models, safetensors
from whisperengine.inference.encoder import Encoder
from whisperengine.inference.fetch import TOKENIZER, WEIGHTS
from whisperengine.inference.models import ModelFiles

FLOP_PER_TOKEN = 2 * graph.LAYERS * (4 * graph.DIMENSIONS**2 + 2 * graph.DIMENSIONS * 4 * graph.DIMENSIONS)
OURS, PLAIN = "encoder", "fastembed"
BARS = {"single": 1.5, "bulk": 2.5, "callers": 1.5, "longest_block_ms": 10}

Embed = Callable[[Sequence[str]], Awaitable[object]]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("WHISPERENGINE_DATA")
    parser.add_argument("data", nargs="?", type=Path, default=Path(default) if default else None)
    parser.add_argument("--singles", type=int, default=200)
    parser.add_argument("--bulk", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=20_000)
    args = parser.parse_args()
    if args.data is None or not (args.data / "goemotions/dev.tsv").exists():
        raise SystemExit(
            "The data is missing. Give the folder that holds goemotions/dev.tsv, or set WHISPERENGINE_DATA."
        )
    lines = (args.data / "goemotions/dev.tsv").read_text("utf-8").splitlines()
    texts = [line.split("\t")[0] for line in lines]
    random.Random(0).shuffle(texts)
    config = configuration.load()
    files = models.ensure(config, print)
    with tempfile.TemporaryDirectory() as folder:
        contenders, encoders = await opened(config, files, Path(folder))
        results: dict[str, object] = {"precision": files.precision, "peak_gflops": round(peak(), 1)}
        results["single"] = await singles(contenders, texts[: args.singles])
        results["bulk"] = await bulk(contenders, texts[: args.bulk], args.rounds)
        encoder = encoders[0]
        tokens = sum(encoder.token_count(text) + 2 for text in texts[: args.bulk])
        show(results, tokens, args.bulk)
        results["callers_64"] = await callers(encoder, texts)
        results["block"] = await block(encoder, texts[: args.bulk])
        results["memory_mb"] = await memory(encoder, texts, args.memory)
        for name in ("callers_64", "block", "memory_mb"):
            print(f"{name}: {results[name]}")
        print(json.dumps({**results, "bars": BARS}))
        for one in encoders:
            await one.close()


async def opened(
    config: configuration.Config, files: ModelFiles, folder: Path
) -> tuple[dict[str, Embed], list[Encoder]]:
    """Our encoder as the service runs it, without its emotion head, and in fp32; fastembed on the same weights."""
    for path in (files.weights, files.tokenizer):
        shutil.copyfile(path, folder / path.name)
    published = safetensors.load(folder / WEIGHTS)
    (folder / "model.onnx").write_bytes(graph.build(published, None, WEIGHTS))
    small, precision = build.build(folder, WEIGHTS, None, config.encoder_precision, print)
    (folder / "small.onnx").write_bytes(small)
    bare = replace(files, onnx=folder / "small.onnx", precision=precision, emotion=False)
    encoders = [await Encoder.open(config, which) for which in (files, bare, replace(bare, onnx=folder / "model.onnx"))]
    names = (OURS, "encoder, no emotion", "encoder, no emotion, fp32")
    contenders: dict[str, Embed] = {name: one.read for name, one in zip(names, encoders, strict=True)}
    for name, threads in ((PLAIN, None), ("fastembed, 1 thread", config.encoder_threads)):
        contenders[name] = fastembed(folder, threads)
    return contenders, encoders


def fastembed(folder: Path, threads: int | None) -> Embed:
    """fastembed with its own defaults; the pooling is in the graph."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    name = f"bench/minilm-{threads}"
    TextEmbedding.add_custom_model(
        name, PoolingType.DISABLED, False, ModelSource(hf="none"), dim=graph.DIMENSIONS, model_file="model.onnx"
    )
    (folder / "config.json").write_text('{"pad_token_id": 0}')
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 256, "pad_token": "[PAD]"}')
    (folder / "special_tokens_map.json").write_text("{}")
    assert (folder / TOKENIZER).exists()
    model = TextEmbedding(name, specific_model_path=str(folder), threads=threads)

    async def embed(texts: Sequence[str]) -> object:
        return list(model.embed(list(texts)))

    return embed


def peak() -> float:
    """GFLOP/s of a large fp32 matrix product on one core."""
    a, b = np.random.default_rng(0).normal(size=(2, 1024, 1024)).astype(np.float32)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times) / 1e9


async def singles(contenders: dict[str, Embed], texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Milliseconds of one message at a time."""
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    for text in texts:
        for name, embed in contenders.items():
            await asyncio.sleep(0.08)  # fastembed's threads spin for 45 ms after a run: not at the next one's cost
            start, start_cpu = time.perf_counter(), time.process_time()
            await embed([text])
            wall[name].append((time.perf_counter() - start) * 1e3)
            cpu[name].append((time.process_time() - start_cpu) * 1e3)
    return {
        name: {
            "p50_ms": round(float(np.median(wall[name])), 2),
            "p99_ms": round(float(np.percentile(wall[name], 99)), 2),
            "cpu_ms": round(float(np.median(cpu[name])), 2),
            "ratio": round(float(np.median(wall[PLAIN]) / np.median(wall[name])), 2),
            "cpu_ratio": round(float(np.median(np.array(cpu[PLAIN]) / np.array(cpu[name]))), 2),
        }
        for name in contenders
    }


async def bulk(contenders: dict[str, Embed], texts: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    """Messages per second, all given at once."""
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, embed in contenders.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            await embed(texts)
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - start_cpu)
    return {
        name: {
            "per_second": round(len(texts) / float(np.median(wall[name])), 1),
            "cpu_ms": round(float(np.median(cpu[name])) / len(texts) * 1e3, 2),
            "ratio": round(float(np.median(wall[PLAIN]) / np.median(wall[name])), 2),
            "cpu_ratio": round(float(np.median(cpu[PLAIN]) / np.median(cpu[name])), 2),
        }
        for name in contenders
    }


def show(results: dict, tokens: int, count: int) -> None:
    print(f"\n{'':28}{'p50 ms':>8}{'p99':>8}{'CPU':>7}{'ratio':>7}{'of CPU':>8}{'msg/s':>9}{'CPU ms':>8}", end="")
    print(f"{'ratio':>7}{'of CPU':>8}{'of peak':>9}")
    for name, one in results["single"].items():
        many = results["bulk"][name]
        share = tokens * FLOP_PER_TOKEN / count / (many["cpu_ms"] / 1e3) / 1e9 / results["peak_gflops"]
        many["share_of_peak"] = round(share, 2)
        row = [one["p50_ms"], one["p99_ms"], one["cpu_ms"], one["ratio"], one["cpu_ratio"]]
        row += [many["per_second"], many["cpu_ms"], many["ratio"], many["cpu_ratio"]]
        widths = (8, 8, 7, 7, 8, 9, 8, 7, 8)
        print(f"{name:28}" + "".join(f"{x:{w}}" for x, w in zip(row, widths, strict=True)) + f"{share:9.0%}")
    print(f"peak: {results['peak_gflops']} GFLOP/s in fp32 on one core; {tokens / count:.1f} tokens a message")
    print(f"ratios: to {PLAIN}, whose session uses all cores\n")


async def callers(encoder: Encoder, texts: Sequence[str]) -> dict[str, float]:
    """64 callers at once against the same 64 messages one by one."""
    at_once, one_by_one = [], []
    for number in range(5):
        some = texts[number * 64 : number * 64 + 64]
        start = time.perf_counter()
        await asyncio.gather(*(encoder.read([text]) for text in some))
        at_once.append(time.perf_counter() - start)
        start = time.perf_counter()
        for text in some:
            await encoder.read([text])
        one_by_one.append(time.perf_counter() - start)
    return {
        "at_once_per_second": round(64 / float(np.median(at_once)), 1),
        "one_by_one_per_second": round(64 / float(np.median(one_by_one)), 1),
        "ratio": round(float(np.median(np.array(one_by_one) / np.array(at_once))), 2),
    }


async def block(encoder: Encoder, texts: Sequence[str]) -> dict[str, float]:
    """Longest that the event loop did not come round during a backfill; wall, and its own thread's CPU time in that."""
    longest = longest_cpu = 0.0
    waits: list[float] = []

    async def messages() -> None:
        while True:
            start = time.perf_counter()
            await encoder.read(["is anybody there?"])
            waits.append((time.perf_counter() - start) * 1e3)
            await asyncio.sleep(0.02)

    async def watch() -> None:
        nonlocal longest, longest_cpu
        wall, cpu = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(0)
            now, now_cpu = time.perf_counter(), time.thread_time()
            longest, longest_cpu = max(longest, now - wall), max(longest_cpu, now_cpu - cpu)
            wall, cpu = now, now_cpu
            await asyncio.sleep(0.001)
            wall, cpu = time.perf_counter(), time.thread_time()

    tasks = [asyncio.create_task(messages()), asyncio.create_task(watch())]
    await encoder.read(texts)
    await asyncio.gather(*(encoder.read([text]) for text in texts[:64]))
    for task in tasks:
        task.cancel()
    return {
        "longest_ms": round(longest * 1e3, 1),
        "longest_cpu_ms": round(longest_cpu * 1e3, 1),
        "message_during_backfill_p50_ms": round(float(np.median(waits)), 1),
        "message_during_backfill_max_ms": round(max(waits), 1),
    }


async def memory(encoder: Encoder, texts: Sequence[str], count: int) -> list[float]:
    """Resident megabytes at the start and after each quarter of `count` messages."""
    seen = [resident()]
    for _ in range(4):
        for start in range(0, count // 4, 500):
            first = start % (len(texts) - 500)
            await encoder.read(texts[first : first + 500])
        seen.append(resident())
    return seen


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


if __name__ == "__main__":
    asyncio.run(main())
