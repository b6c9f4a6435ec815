"""Imports PNG cards through a running service: `python bench/card_import.py`. Needs the model files.

Times `POST /api/characters/import` for a card of about 5 MB (picture decoded, resized and stored), how long the event
loop stood still meanwhile, and how much memory the process took. Prints one JSON line and a table.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from PIL import Image

from whisperengine import app, config
from whisperengine.characters import store
from whisperengine.characters.formats import export_bytes
from whisperengine.config import Config

MEGABYTE = 1024 * 1024
ROUNDS = 15
BEAT_SECONDS = 0.001


def card(megabytes: float) -> bytes:
    """A card with a picture that cannot be packed."""
    side = int((megabytes * MEGABYTE / 3) ** 0.5)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(side * side * 3)).save(out, "PNG", compress_level=1)
    mira = next(item for item in store.builtin() if item.name == "mira_okafor")
    return export_bytes(mira, "png", out.getvalue()).data


async def longest_pause() -> float:
    """Seconds, once cancelled."""
    longest, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.perf_counter()
            longest, last = max(longest, now - last - BEAT_SECONDS), now
    except asyncio.CancelledError:
        return longest


async def measure() -> dict[str, float]:
    data = card(5)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        settings = Config(
            home=Path(folder),
            model_cache_dir=config.load().models_dir,
            llm_client_type="disabled",
            llm_autodetect=False,
        )
        async with app.running(settings) as port, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/api/characters/import"

            async def send() -> float:
                form = aiohttp.FormData({"name": "measured", "on_conflict": "replace"})
                form.add_field("file", io.BytesIO(data), filename="card.png")
                start = time.perf_counter()
                async with session.post(url, data=form) as response:
                    assert response.status in (200, 201), await response.text()
                return (time.perf_counter() - start) * 1000

            await send()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            beating = asyncio.create_task(longest_pause())
            times = [await send() for _ in range(ROUNDS)]
            beating.cancel()
            pause = await beating
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "card_megabytes": round(len(data) / MEGABYTE, 2),
        "import_p50_ms": round(statistics.median(times), 1),
        "import_slowest_ms": round(max(times), 1),
        "event_loop_longest_pause_ms": round(pause * 1000, 1),
        "memory_growth_times_size": round((after - before) * 1024 / len(data), 2),
    }


def main() -> None:
    result = asyncio.run(measure())
    print(json.dumps(result))
    for name, value in result.items():
        print(f"{name.replace('_', ' '):<45}{value:>12,}")


if __name__ == "__main__":
    main()
