"""Measures the importers and the lorebook: `python bench/cards.py [--fuzz SECONDS]`. Needs no database. Prints one
JSON line and a table.

With `--fuzz`, damaged files are fed to the importers for that long. An error other than a refusal ends the run with
its traceback, and a file that takes more than ten seconds is reported.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import statistics
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

from whisperengine.characters import store
from whisperengine.characters.cards import write_card
from whisperengine.characters.definition import Definition, parse
from whisperengine.characters.formats import MEDIA, export_bytes, import_bytes
from whisperengine.characters.lorebook import Book, Talk
from whisperengine.characters.png import SIGNATURE, chunk_bytes, text_chunk
from whisperengine.errors import RequestError

MEGABYTE = 1024 * 1024
SLOW_SECONDS = 10.0


def milliseconds(work: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """p50 and p95 of `work` in milliseconds."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), sorted(times)[int(0.95 * (rounds - 1))]


def large_card() -> bytes:
    """A PNG card of 5 MB: noise for pixels, a card with a lorebook of 200 entries."""
    mira = next(item for item in store.builtin() if item.name == "mira_okafor")
    card = write_card({**mira.document, "lorebook": {"entries": entries(200)}}, "v3", [])
    header = chunk_bytes(b"IHDR", struct.pack(">IIBBBBB", 1300, 1300, 8, 2, 0, 0, 0))
    pixels = chunk_bytes(b"IDAT", random.Random(1).randbytes(5 * MEGABYTE))
    text = text_chunk("ccv3", base64.b64encode(json.dumps(card).encode()))
    return SIGNATURE + header + pixels + text + chunk_bytes(b"IEND", b"")


def entries(count: int) -> list[dict[str, Any]]:
    return [
        {
            "keys": [f"place{number}", f"the old road {number}", f"/gates?{number}\\b/i"],
            "content": f"About place{number}. " * 12,
        }
        for number in range(count)
    ]


def measure() -> dict[str, float]:
    data = large_card()
    p50, p95 = milliseconds(lambda: import_bytes(data), 30)
    tracemalloc.start()
    import_bytes(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    definition = import_bytes(data).definition
    assert definition is not None
    export_p50, _ = milliseconds(lambda: export_bytes(definition, "png", data), 10)
    book = Book({"entries": entries(200), "token_budget": 500})
    deep_book = Book({"entries": entries(200), "scan_depth": 30, "token_budget": 500})
    messages = [
        f"We walked from place{number} along the old road and spoke of the weather. " * 4 for number in range(30)
    ]

    def select(asked: Book) -> None:
        asked.select(Talk(messages, 31), chance=random.Random(1), count_tokens=lambda text: len(text) // 4)

    select_p50, select_p95 = milliseconds(lambda: select(book), 200)
    deep_p50, _ = milliseconds(lambda: select(deep_book), 200)
    return {
        "import_png_megabytes": round(len(data) / MEGABYTE, 2),
        "import_png_p50_ms": round(p50, 2),
        "import_png_p95_ms": round(p95, 2),
        "import_png_peak_times_size": round(peak / len(data), 2),
        "export_png_p50_ms": round(export_p50, 2),
        "lorebook_200_entries_p50_ms": round(select_p50, 3),
        "lorebook_200_entries_p95_ms": round(select_p95, 3),
        "lorebook_200_entries_scan_depth_30_p50_ms": round(deep_p50, 3),
    }


def fuzz(seconds: float, seed: int) -> dict[str, float]:
    """Feed damaged files to the importers."""
    chance = random.Random(seed)
    originals = [export_bytes(item, format).data for item in store.builtin() for format in MEDIA]
    tiny = parse({"cdl": "3.0", "name": "tiny", "identity": {"full_name": "Tiny"}, "lorebook": {"entries": entries(2)}})
    originals += [export_bytes(tiny, format).data for format in MEDIA] * 4
    originals += [json.dumps(book).encode() for book in other_books()] * 4
    counts = {"fuzz_inputs": 0, "fuzz_refused": 0, "fuzz_slow": 0}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = damaged(chance.choice(originals), chance)
        start = time.monotonic()
        try:
            imported = import_bytes(data, chance.choice(("", "x.yaml", "x.json")))
        except RequestError:
            counts["fuzz_refused"] += 1
        else:
            use(imported.definition, imported.lorebook)
        counts["fuzz_slow"] += time.monotonic() - start > SLOW_SECONDS
        counts["fuzz_inputs"] += 1
    return {**counts, "fuzz_seconds": seconds}


def other_books() -> list[dict[str, Any]]:
    """A lorebook as RisuAI writes it and one as Agnai does."""
    risu = [{"key": "seal, pup", "secondkey": "", "insertorder": 90, "content": "Grey.", "mode": "normal"}] * 3
    agnai = [{"keywords": ["seal"], "entry": "Grey.", "priority": 7, "weight": 3, "enabled": True, "name": "x"}] * 3
    return [{"type": "risu", "ver": 1, "data": risu}, {"kind": "memory", "name": "Coast", "entries": agnai}]


def use(definition: Definition | None, lorebook: Any) -> None:
    """What came in must also go out and be asked."""
    if definition is not None:
        export_bytes(definition, "v3")
    book = Book(definition.lorebook if definition is not None else lorebook)
    book.select(Talk(("place1 and the old road 0",), 1), chance=random.Random(1), count_tokens=len)


def damaged(original: bytes, chance: random.Random) -> bytes:
    """A file with up to eight injuries; a PNG or its text keeps sound checksums half of the time, so that the damage
    reaches the card.
    """
    if original.startswith(SIGNATURE) and chance.random() < 0.5:
        return resealed(original, chance)
    data = bytearray(original)
    for _ in range(chance.randint(1, 8)):
        if not data:
            break
        place, length = chance.randrange(len(data)), chance.randint(1, 60)
        match chance.randrange(6):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = data[place : place + length]
            case 3:
                data[place : place + 4] = chance.randbytes(4)
            case 4:
                data[place:place] = chance.choice(
                    (b"null", b"[[[[", b"{", b'"', b"\\u0000", b"1e999", b"\xff", b"\0", b": &a *a ")
                )
            case _:
                data[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
    return bytes(data)


def resealed(original: bytes, chance: random.Random) -> bytes:
    """A PNG in which one chunk was damaged and given a checksum that fits."""
    parts = [SIGNATURE]
    place = len(SIGNATURE)
    while place < len(original):
        length, kind = struct.unpack_from(">I4s", original, place)
        content = original[place + 8 : place + 8 + length]
        if kind == b"tEXt" and chance.random() < 0.7:
            keyword, _, value = content.partition(b"\0")
            inner = damaged(base64.b64decode(value), chance)
            packed = base64.b64encode(inner)
            content = keyword + b"\0" + packed
            if chance.random() < 0.3:
                kind, content = b"zTXt", keyword + b"\0\0" + zlib.compress(packed)
        elif chance.random() < 0.2 and length:
            content = damaged(content, chance)
        parts.append(chunk_bytes(kind, content))
        place += 12 + length
    return b"".join(parts)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Measures the importers and the lorebook.")
    arguments.add_argument("--fuzz", type=float, default=0.0, metavar="SECONDS")
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    result = measure() | (fuzz(chosen.fuzz, chosen.seed) if chosen.fuzz else {})
    print(json.dumps(result))
    for name, value in result.items():
        print(f"{name.replace('_', ' '):<45}{value:>12,}")


if __name__ == "__main__":
    main()
