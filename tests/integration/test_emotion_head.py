"""The weights that ship in the package."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import numpy as np
import pytest

from whisperengine import config as configuration
from whisperengine import emotion
from whisperengine.emotion.classifier import interpret
from whisperengine.emotion.labels import FINE, OUTSIDE
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.inference.safetensors import Tensors, load

HEAD = Path(emotion.__file__).parent / "head.safetensors"
FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="module")
def head() -> Tensors:
    return load(HEAD)


def test_the_file_fits_in_the_package() -> None:
    assert HEAD.stat().st_size < 11e6


def test_its_labels_are_those_that_the_classifier_reads_in_that_order(head: Tensors) -> None:
    assert tuple(json.loads(head.metadata["labels"])) == FINE


def test_every_label_has_a_threshold_and_a_rising_calibration(head: Tensors) -> None:
    thresholds = json.loads(head.metadata["thresholds"])
    assert len(thresholds) == len(FINE)
    assert all(0 < cut < 1 for cut in thresholds)
    assert (head.arrays["calibration.a"] > 0).all()


def test_its_layers_have_the_shapes_of_the_encoders(head: Tensors) -> None:
    layers = {int(name.split(".")[1]) for name in head.arrays if name.startswith("layer.")}
    assert layers == set(range(6 - int(head.metadata["branch_from"])))
    for layer in layers:
        assert head.places[f"layer.{layer}.intermediate.dense.weight"].shape == (1536, 384)
        assert head.places[f"layer.{layer}.intermediate.dense.weight.scale"].shape == (1536,)
    assert head.places["attention.q"].shape == head.places["pool.W"].shape == (384, len(FINE))
    assert all(np.isfinite(array).all() for array in head.arrays.values())


def test_it_says_how_it_was_made(head: Tensors) -> None:
    assert head.metadata["command"].startswith("scripts/train_emotion_head.py DATA OUT")
    assert "--seed" in head.metadata["command"]


def sentences(name: str) -> list[dict[str, str]]:
    with (FIXTURES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize(("name", "count"), [("emotion_sentences.tsv", 120), ("emotion_sentences_blind.tsv", 40)])
def test_the_hand_written_sentences_carry_outside_labels_and_appear_once(name: str, count: int) -> None:
    rows = sentences(name)
    assert len({row["text"] for row in rows}) == len(rows) == count
    assert all(label in OUTSIDE for row in rows for label in row["expected"].split("|"))


async def test_the_hand_written_sentences_are_read_as_a_person_would() -> None:
    config = configuration.load()
    encoder = await Encoder.open(config, await asyncio.to_thread(models.ensure, config))
    try:
        rows = sentences("emotion_sentences.tsv")
        readings = await encoder.read([row["text"] for row in rows])
    finally:
        await encoder.close()
    agreed = [
        interpret(reading.emotion, row["text"]).primary in row["expected"].split("|")
        for reading, row in zip(readings, rows, strict=True)
    ]
    assert sum(agreed) / len(agreed) >= 0.85
