"""Files made to do harm: each is refused with a clear error, within memory that is bounded by the file's own size."""

from __future__ import annotations

import base64
import gc
import io
import json
import random
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from tests.support.card_samples import CARDS, V2, V3, WORLD
from whisperengine.characters.definition import parse, remarks
from whisperengine.characters.diff import difference
from whisperengine.characters.formats import MEDIA, export_bytes, import_bytes
from whisperengine.characters.lorebook import Book
from whisperengine.characters.png import MAX_BYTES, SIGNATURE, chunk_bytes, text_chunk
from whisperengine.errors import RequestError

MEGABYTE = 1024 * 1024
HEADER = chunk_bytes(b"IHDR", struct.pack(">IIBBBBB", 1000, 1000, 8, 2, 0, 0, 0))
END = chunk_bytes(b"IEND", b"")


def picture(*middle: bytes) -> bytes:
    return b"".join((SIGNATURE, HEADER, *middle, END))


def zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def refusal_of(data: bytes, filename: str = "") -> tuple[RequestError, int]:
    """The error that a file is refused with, and the bytes of memory that this took at most."""
    gc.collect()
    tracemalloc.start()
    try:
        with pytest.raises(RequestError) as raised:
            import_bytes(data, filename)
        return raised.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BOMBS = {
    "text that unpacks to 100 MB": picture(chunk_bytes(b"zTXt", b"ccv3\0\0" + zeros(100 * MEGABYTE))),
    "international text that unpacks to 100 MB": picture(
        chunk_bytes(b"iTXt", b"chara\0\1\0\0\0" + zeros(100 * MEGABYTE))
    ),
    "many assets that unpack to much": picture(
        *(
            chunk_bytes(b"zTXt", f"chara-ext-asset_:{number}".encode() + b"\0\0" + zeros(3 * MEGABYTE))
            for number in range(50)
        )
    ),
    "a zip whose card unpacks to 100 MB": zipped({"card.json": bytes(100 * MEGABYTE)}),
    "a zip whose assets unpack to 100 MB": zipped(
        {"card.json": json.dumps(V3).encode(), **{f"assets/{number}": bytes(10 * MEGABYTE) for number in range(10)}}
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_far_more_than_its_size_is_refused(name):
    error, peak = refusal_of(BOMBS[name])
    assert error.code == "too_large"
    assert peak < 24 * MEGABYTE


def test_a_picture_of_100_megabytes_is_refused_before_it_is_looked_at():
    data = SIGNATURE + bytes(100 * MEGABYTE)
    error, peak = refusal_of(data)
    assert error.code == "too_large"
    assert f"{MAX_BYTES:,}" in str(error)
    assert peak < MEGABYTE


def test_a_picture_of_very_many_chunks_is_refused():
    error, peak = refusal_of(picture(*([text_chunk("Comment", b"")] * 30_000)))
    assert error.code == "too_large"
    assert peak < 8 * MEGABYTE


def test_a_good_picture_takes_at_most_eight_times_its_size():
    noise = random.Random(1).randbytes(5 * MEGABYTE)
    data = picture(chunk_bytes(b"IDAT", noise), text_chunk("ccv3", base64.b64encode(json.dumps(V3).encode())))
    gc.collect()
    tracemalloc.start()
    imported = import_bytes(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert imported.definition is not None
    assert peak < 8 * len(data)


def nested(depth: int, opening: str, closing: str, core: str = "1") -> str:
    return opening * depth + core + closing * depth


DEEP = {
    "deep lists": nested(1_000_000, "[", "]"),
    "deep objects": nested(200_000, '{"a":', "}"),
    "deep lists that are never closed": "[" * 5_000_000,
    "a deep extension": json.dumps(V2).replace('"fav": false', '"fav": ' + nested(500, "[", "]")),
    "an extension just too deep": json.dumps(V2).replace('"fav": false', '"fav": ' + nested(60, '{"a":', "}")),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_json_is_refused(name):
    for data in (DEEP[name].encode(), picture(text_chunk("chara", base64.b64encode(DEEP[name].encode())))):
        error, _ = refusal_of(data, "x.json")
        assert error.code in ("invalid_file", "too_large")
        assert "nested" in str(error) or "parts" in str(error)


YAML = {
    "laughing aliases": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "deep flow": "[" * 3_000_000,
    "deep blocks": "".join(" " * depth + "a:\n" for depth in range(2_000)),
    "a merge": "a: {b: 1}\nc:\n  <<: *a\n",
    "an object of Python": "!!python/object/apply:os.system ['true']",
    "many documents": "---\n" * 100_000,
}


@pytest.mark.parametrize("name", YAML)
def test_tricky_yaml_is_refused(name):
    error, peak = refusal_of(YAML[name].encode(), "x.yaml")
    assert error.code == "invalid_file"
    assert peak < 40 * MEGABYTE


def test_a_million_small_objects_are_refused_before_they_are_made():
    data = ("[" + "{}," * 1_500_000 + "{}]").encode()
    error, peak = refusal_of(data)
    assert error.code == "too_large"
    assert peak < 8 * len(data)


def test_a_lorebook_with_far_too_many_entries_is_refused():
    card = {**V3, "data": {**V3["data"], "character_book": {"entries": [{"keys": ["a"], "content": "b"}] * 10_001}}}
    error, _ = refusal_of(json.dumps(card).encode())
    assert error.code == "invalid_character"
    assert "at most 10,000" in str(error)


def test_the_largest_book_that_is_allowed_can_be_used():
    entries = [{"keys": [f"(?:{'a?' * 300}){number}"], "content": "x", "use_regex": True} for number in range(3_000)]
    definition = parse({"cdl": "3.0", "name": "large", "lorebook": {"entries": entries}})
    assert len(Book(definition.lorebook).problems) == 100


def test_very_many_unknown_fields_are_remarked_upon_in_part_only():
    definition = parse({"cdl": "3.0", "name": "odd", "identity": {f"nickname{number}": 1 for number in range(50_000)}})
    assert len(remarks(definition)) == 100
    assert len(difference(parse({"cdl": "3.0", "name": "odd"}), definition)) == 1


def samples() -> list[bytes]:
    found = [json.dumps(value).encode() for value in (*CARDS.values(), WORLD)]
    for name in ("v2", "v3", "v3 by SillyTavern"):
        definition = import_bytes(json.dumps(CARDS[name]).encode()).definition
        assert definition is not None
        found += [export_bytes(definition, format).data for format in MEDIA]
    return found


def test_damaged_files_are_read_or_refused_but_never_crash():
    chance = random.Random(20_261_123)
    originals = samples()
    refused = 0
    for _ in range(1_500):
        data = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] = chance.randrange(256)
                case 1:
                    del data[place : place + chance.randint(1, 40)]
                case 2:
                    data[place:place] = data[place : place + chance.randint(1, 40)]
                case _:
                    data[place : place + 4] = chance.randbytes(4)
            if not data:
                break
        try:
            imported = import_bytes(bytes(data), chance.choice(("", "x.yaml", "x.json")))
        except RequestError:
            refused += 1
        else:
            assert imported.definition or imported.lorebook is not None
    assert 0 < refused < 1_500
