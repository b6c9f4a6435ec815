"""The encoder on its real model: the published numbers, any text, many callers at once."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whisperengine.config import Config, load
from whisperengine.errors import EncoderError, ModelFilesError
from whisperengine.inference import graph, models, safetensors
from whisperengine.inference.encoder import LONGEST, Encoder
from whisperengine.inference.models import ModelFiles
from whisperengine.inference.onnx_writer import GraphWriter
from whisperengine.inference.session import feed, open_session

FIXTURE = json.loads((Path(__file__).parents[1] / "fixtures" / "minilm_parity.json").read_text("utf-8"))
PUBLISHED = np.array([np.frombuffer(base64.b64decode(row), "<f4") for row in FIXTURE["vectors"]])
TEXTS: list[str] = FIXTURE["texts"]


def settings(**fields: Any) -> Config:
    """Defaults on the models that this machine has."""
    return replace(Config(), model_cache_dir=load().models_dir, **fields)


@pytest.fixture(scope="module")
def exact() -> ModelFiles:
    return models.ensure(replace(settings(), encoder_precision="fp32"))


@asynccontextmanager
async def opened(files: ModelFiles, **fields: Any) -> AsyncIterator[Encoder]:
    encoder = await Encoder.open(settings(**fields), files)
    try:
        yield encoder
    finally:
        await encoder.close()


@pytest.fixture
async def encoder() -> AsyncIterator[Encoder]:
    """As the service runs it."""
    async with opened(models.ensure(settings())) as encoder:
        yield encoder


async def vectors(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    return np.array([reading.embedding for reading in await encoder.read(texts)])


async def test_fp32_gives_the_published_embeddings(exact: ModelFiles):
    async with opened(exact) as encoder:
        readings = await encoder.read(TEXTS)
    assert [reading.tokens for reading in readings] == FIXTURE["tokens"]
    assert np.abs(np.array([reading.embedding for reading in readings]) - PUBLISHED).max() < 2e-6


async def test_the_encoder_as_it_is_run_stays_close_to_the_published_embeddings(encoder: Encoder):
    found = await vectors(encoder, TEXTS)
    cosines = (found * PUBLISHED).sum(axis=1)
    assert cosines.min() > 0.985
    assert cosines.mean() > 0.995
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert found.dtype == np.float32
    assert (encoder.dimensions, encoder.model_name) == (384, "sentence-transformers/all-MiniLM-L6-v2")


async def test_neighbours_in_a_batch_do_not_change_a_reading(encoder: Encoder):
    together = await encoder.read(TEXTS)
    for text, among in zip(TEXTS, together, strict=True):
        (alone,) = await encoder.read([text])
        assert float(alone.embedding @ among.embedding) > 0.9999
        assert np.abs(alone.emotion - among.emotion).max() < 0.02


@pytest.mark.parametrize("precision", ["fp32", "q8"])
def test_the_emotion_head_does_not_change_a_bit_of_the_embedding(exact: ModelFiles, precision: str):
    weights, head = safetensors.load(exact.weights), safetensors.load(models.HEAD)
    channels = np.linspace(0.5, 9, graph.DIMENSIONS, dtype=np.float32)
    names = [name.removesuffix(".weight") for name in weights.arrays if name.endswith("LayerNorm.weight")]
    names += ["emotion." + name.removesuffix(".weight") for name in head.arrays if name.endswith("LayerNorm.weight")]
    ranges = {name: channels for name in names} if precision == "q8" else None
    batch = feed([[101, 1045, 2572, 3407, 102], [101, 2748, 102]])
    found = [
        open_session(graph.build(weights, some, exact.weights.name, ranges), 1, folder=exact.weights.parent).run(
            [graph.EMBEDDING], batch
        )[0]
        for some in (None, head)
    ]
    assert np.array_equal(found[0], found[1])


async def test_emotions_are_the_probabilities_of_the_labels(encoder: Encoder):
    labels = json.loads(safetensors.load(models.HEAD).metadata["labels"])
    texts = {"I love you so much": "love", "Thank you, you saved my day": "gratitude", "I am so angry at him": "anger"}
    for text, label in texts.items():
        (reading,) = await encoder.read([text])
        assert reading.emotion.shape == (len(labels),)
        assert reading.emotion.dtype == np.float32
        assert 0 <= reading.emotion.min() <= reading.emotion.max() <= 1
        assert labels[int(reading.emotion.argmax())] == label


async def test_a_graph_without_a_head_gives_no_emotion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "HEAD", tmp_path / "absent")
    config = settings(model_source=models.ensure(settings()).weights.parent, encoder_precision="fp32")
    async with opened(models.ensure(replace(config, model_cache_dir=tmp_path / "models"))) as encoder:
        (reading,) = await encoder.read(["I love you"])
    assert reading.emotion.shape == (0,)
    assert reading.embedding.shape == (384,)


ODD = {
    "nothing": "",
    "white": " \n\t\u3000",
    "nul": "\0",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 50,
    "half a character": "hi \ud800 there \udfff",
    "100 kB": "all work and no play " * 5_000,
    "one word of a million letters": "a" * 1_000_000,
    "unknown scripts": "ꙮ𒀀𓀀" * 30,
    "right to left": "\u202eabc\u202c שלום",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
async def test_any_text_has_a_reading(encoder: Encoder, text: str):
    (reading,) = await encoder.read([text])
    assert 2 <= reading.tokens <= LONGEST
    assert np.isfinite(reading.embedding).all()
    assert abs(float(np.linalg.norm(reading.embedding)) - 1) < 1e-5
    assert np.isfinite(reading.emotion).all()


async def test_two_halves_of_a_character_are_read_as_the_character(encoder: Encoder):
    halves, whole = await encoder.read(["so happy \ud83d\ude00 now \u4f60", "so happy 😀 now 你"])
    assert np.array_equal(halves.embedding, whole.embedding)


async def test_tokens_are_counted_without_a_limit(encoder: Encoder):
    assert encoder.token_count("") == 0
    assert encoder.token_count("hello world") == 2
    assert encoder.token_count("hello world " * 2_000) == 4_000


async def test_64_callers_at_once_get_their_own_readings_in_fewer_runs(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    run = encoder._run
    monkeypatch.setattr(encoder, "_run", lambda items: sizes.append(len(items)) or run(items))
    texts = [TEXTS[number % len(TEXTS)] for number in range(64)]
    answers = await asyncio.gather(*(encoder.read([text]) for text in texts))
    assert sum(sizes) == 64
    assert len(sizes) <= 32
    for number, (reading,) in enumerate(answers):
        assert float(reading.embedding @ PUBLISHED[number % len(TEXTS)]) > 0.98


async def test_a_message_overtakes_a_backfill(encoder: Encoder):
    backfill = asyncio.create_task(encoder.read(TEXTS * 20))
    await asyncio.sleep(0)
    for _ in range(3):
        await encoder.read(["wait for nobody"])
    assert not backfill.done()
    readings = await backfill
    cosines = (np.array([reading.embedding for reading in readings]) * np.tile(PUBLISHED, (20, 1))).sum(axis=1)
    assert cosines.min() > 0.98


async def test_a_message_overtakes_answers_for_which_nobody_waits(encoder: Encoder):
    ended: list[str] = []

    async def read(text: str, waited: bool) -> None:
        await encoder.read([text], waited=waited)
        ended.append("message" if waited else "answer")

    # The message is the longest: in one lane with the answers it would come last.
    await asyncio.gather(*(read("word " * 100, False) for _ in range(8)), read("word " * 200, True))
    assert ended.index("message") <= 1
    assert ended.count("answer") == 8


async def test_callers_who_give_up_do_no_harm(encoder: Encoder):
    tasks = [asyncio.create_task(encoder.read([text] * size)) for size in (1, 20) for text in TEXTS]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found[::2])
    for number, readings in list(enumerate(found))[1::2]:
        assert isinstance(readings, list)
        assert float(readings[-1].embedding @ PUBLISHED[number % len(TEXTS)]) > 0.98


async def test_a_text_that_fails_is_its_callers_trouble_alone(encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    run = encoder._run

    def fails_on_seven_tokens(items: Any) -> Any:
        if any(len(item.ids) == 7 for item in items):
            raise RuntimeError("out of memory")
        return run(items)

    monkeypatch.setattr(encoder, "_run", fails_on_seven_tokens)
    bad = asyncio.create_task(encoder.read(["hello", "one two three four five"]))
    good = await asyncio.gather(*(encoder.read(["hello you"]) for _ in range(5)))
    assert len(good) == 5
    with pytest.raises(EncoderError, match="out of memory"):
        await bad
    assert len(await encoder.read(["hello"])) == 1


async def test_what_is_no_text_is_refused_before_it_reaches_others(encoder: Encoder):
    with pytest.raises(TypeError):
        await encoder.read(["fine", None])  # type: ignore[list-item]
    assert await encoder.read([]) == []


async def test_closing_while_busy_ends_what_waits_with_a_clear_error(encoder: Encoder):
    waiting = [asyncio.create_task(encoder.read(TEXTS * 10)) for _ in range(3)]
    message = asyncio.create_task(encoder.read(["hello"]))
    await message
    await encoder.close()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, EncoderError)
        assert "closed" in str(result)
    with pytest.raises(EncoderError, match="closed"):
        await encoder.read(["hello"])
    await encoder.close()


async def test_files_that_compute_something_else_are_refused(exact: ModelFiles, tmp_path: Path):
    for path in (exact.onnx, exact.weights, exact.tokenizer):
        shutil.copyfile(path, tmp_path / path.name)
    place = safetensors.load(exact.weights).places["encoder.layer.2.output.dense.weight"]
    with (tmp_path / exact.weights.name).open("r+b") as file:
        file.seek(place.offset)
        file.write(bytes(place.length))
    files = replace(exact, onnx=tmp_path / exact.onnx.name)
    with pytest.raises(ModelFilesError, match="wrong numbers"):
        await Encoder.open(settings(), files)
    (tmp_path / exact.onnx.name).write_bytes(b"no model")
    with pytest.raises(ModelFilesError, match="whisperengine models"):
        await Encoder.open(settings(), files)


async def test_another_embedding_model_brings_its_own_vectors_and_keeps_the_emotion(tmp_path: Path, encoder: Encoder):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        "tests/words", PoolingType.DISABLED, normalization=False, sources=ModelSource(hf="tests/words"), dim=2
    )
    folder = tmp_path / "models--tests--words"
    snapshot = folder / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    files = models.ensure(settings())
    shutil.copyfile(files.tokenizer, snapshot / "tokenizer.json")
    (snapshot / "config.json").write_text('{"pad_token_id": 0}')
    (snapshot / "tokenizer_config.json").write_text('{"model_max_length": 64, "pad_token": "[PAD]"}')
    (snapshot / "special_tokens_map.json").write_text("{}")
    (snapshot / "onnx").mkdir()
    words = GraphWriter()
    mask = words.node("Cast", [words.input("attention_mask", "int64", ["b", "s"])], to=1)
    ids = words.node("Cast", [words.input("input_ids", "int64", ["b", "s"])], to=1)
    axis = words.constant("axis", np.array([1], np.int64))
    sums = [words.node("ReduceSum", [part, axis], keepdims=1) for part in (mask, ids)]
    words.node("Concat", sums, "sums", axis=1)
    words.output("sums", "float32", ["b", 2])
    (snapshot / "onnx" / "model.onnx").write_bytes(words.model("words"))

    async with opened(files, embedding_model="tests/words", fastembed_cache=tmp_path) as other:
        assert (other.model_name, other.dimensions) == ("tests/words", 2)
        readings = await other.read(["hello", "I love you \ud800"])
    assert np.allclose(readings[0].embedding, np.array([3, 101 + 7592 + 102]) / np.hypot(3, 7795))
    (own,) = await encoder.read(["I love you \ud800"])
    assert np.abs(readings[1].emotion - own.emotion).max() < 0.01
