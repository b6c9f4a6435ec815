"""The emotion classifier as the service runs it: `python bench/emotion.py DATA`.

GoEmotions (its dev split; its test split too where DATA has one), the hand-written sentences of `tests/fixtures`,
calibration of the confidence, the intensity function, and two sets that nothing was trained on. Scores come from
the encoder's own graph.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.emotion_scores import (
    both_ways,
    calibration_error,
    f1_per_label,
    fit_platt,
    logit,
    micro_f1,
    read_split,
    thresholds,
)
from whisperengine import config as configuration
from whisperengine.emotion import cues, intensity
from whisperengine.emotion.classifier import interpret
from whisperengine.emotion.labels import FINE, MATRIX, OUTSIDE, to_outside
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures"
TWEETEVAL = ("anger", "joy", "optimism", "sadness")
CHUNK = 256


async def network_scores(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    """(texts, 28) the graph's `emotion` output."""
    rows: list[np.ndarray] = []
    for start in range(0, len(texts), CHUNK):
        rows += [reading.emotion for reading in await encoder.read(list(texts[start : start + CHUNK]))]
    return np.array(rows, np.float64)


def rows_of(name: str) -> list[dict[str, str]]:
    with (FIXTURES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


async def goemotions(encoder: Encoder, data: Path) -> dict[str, float]:
    texts, truth = read_split(data, "dev")
    scores = await network_scores(encoder, texts)
    first, second = both_ways(scores, truth)
    cuts = thresholds(scores, truth)
    found = {"dev_even_to_odd": first, "dev_odd_to_even": second}
    found |= {"dev_macro_f1_half": (first + second) / 2, **confidence(scores, texts, truth)}
    if (data / "goemotions" / "test.tsv").is_file():
        texts, truth = read_split(data, "test")
        scores = await network_scores(encoder, texts)
        found["test_macro_f1"] = float(f1_per_label(truth, scores > cuts).mean())
        found["test_micro_f1"] = micro_f1(truth, scores > cuts)
    print("F1 per label:", *(f"{n} {v:.2f}" for n, v in zip(FINE, f1_per_label(truth, scores > cuts), strict=True)))
    return found


def confidence(scores: np.ndarray, texts: Sequence[str], truth: np.ndarray) -> dict[str, float]:
    """How well `confidence` tells how often `primary` is right; right: the mapping gives it a third or more of a label
    of the row.
    """
    allowed = (truth @ (MATRIX >= 1 / 3)) > 0
    readings = [interpret(row, text) for row, text in zip(scores, texts, strict=True)]
    right = np.array([allowed[row, OUTSIDE.index(reading.primary)] for row, reading in enumerate(readings)], float)
    shares = np.array([max(r.outside.values()) / max(sum(r.outside.values()), 1e-9) for r in readings])
    even = np.arange(len(right)) % 2 == 0
    slope, offset = fit_platt(logit(shares[even]), right[even])
    held_out = 1 / (1 + np.exp(-(slope * logit(shares[~even]) + offset)))
    whole = fit_platt(logit(shares), right)
    print(f"confidence: slope and offset from all of dev ({whole[0]:.2f}, {whole[1]:.2f})")
    shipped = np.array([reading.confidence for reading in readings])
    return {
        "dev_primary_right": float(right.mean()),
        "confidence_ece_held_out": calibration_error(held_out, right[~even]),
        "confidence_ece_shipped": calibration_error(shipped, right),
    }


async def sentences(encoder: Encoder, name: str, show: bool) -> dict[str, float]:
    """Agreement on a file of hand-written sentences, bare network and with the cues, for each kind of sentence."""
    rows = rows_of(f"emotion_{name}.tsv")
    print(f"{name}:")
    scores = await network_scores(encoder, [row["text"] for row in rows])
    agreed: dict[str, list[tuple[bool, bool]]] = {}
    for row, score in zip(rows, scores, strict=True):
        wanted = row["expected"].split("|")
        bare = OUTSIDE[int(to_outside(score).argmax())]
        primary = interpret(score, row["text"]).primary
        agreed.setdefault(row["kind"], []).append((bare in wanted, primary in wanted))
        if show and primary not in wanted:
            print(f"  {row['kind']}: {row['text']!r} is {row['expected']}, read as {primary}")
    for kind, pairs in agreed.items():
        bare, cued = np.mean(pairs, axis=0)
        print(f"  {kind:10} {len(pairs):3}  network {bare:.2f}  with cues {cued:.2f}")
    bare, cued = np.mean([pair for pairs in agreed.values() for pair in pairs], axis=0)
    return {f"{name}_network": float(bare), name: float(cued)}


async def strength(encoder: Encoder) -> dict[str, float]:
    """The intensity function: fitted on odd rows, scored on even ones; prints the coefficients fitted on all."""
    rows = rows_of("emotion_intensity.tsv")
    texts = [row["text"] for row in rows]
    graded = np.array([float(row["strength"]) for row in rows])
    scores = await network_scores(encoder, texts)
    outside = [cues.adjust_outside(to_outside(cues.adjust_fine(s, t)), t) for s, t in zip(scores, texts, strict=True)]
    design = np.array([intensity.features(row, text) for row, text in zip(outside, texts, strict=True)])
    odd = np.arange(len(graded)) % 2 == 1
    held_out = 1 / (1 + np.exp(-design[~odd] @ fit_strength(design[odd], graded[odd])))
    print("intensity: coefficients", np.round(fit_strength(design, graded), 2).tolist())
    ranks = [np.argsort(np.argsort(values)) for values in (held_out, graded[~odd])]
    return {
        "intensity_error_held_out": float(np.abs(held_out - graded[~odd]).mean()),
        "intensity_rank_correlation_held_out": float(np.corrcoef(ranks[0], ranks[1])[0, 1]),
    }


def fit_strength(design: np.ndarray, graded: np.ndarray, ridge: float = 0.2) -> np.ndarray:
    """Logistic regression on grades 0..1 by Newton's method; the first column is the offset and is not shrunk."""
    shrink = np.diag([1e-6, *[ridge] * (design.shape[1] - 1)])
    point = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ point))
        gradient = design.T @ (p - graded) + shrink @ point
        point = point - np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]) + shrink, gradient)
    return point


async def other_sets(encoder: Encoder, data: Path) -> dict[str, float]:
    """SemEval-2018 E-c dev and TweetEval emotion val through the mapping; nothing is trained or tuned on them."""
    found: dict[str, float] = {}
    path = data / "semeval2018" / "E-c-En-dev.txt"
    if path.is_file():
        rows = [line.split("\t") for line in path.read_text("utf-8").split("\n")[1:] if line]
        truth = np.array([[int(value) for value in row[2:13]] for row in rows])
        scores = await network_scores(encoder, [row[1] for row in rows])
        told = np.zeros_like(truth)
        for number, (row, score) in enumerate(zip(rows, scores, strict=True)):
            reading = interpret(score, row[1])
            for label in (reading.primary, *(name for name, _ in reading.mixed)):
                if label != "neutral":
                    told[number, OUTSIDE.index(label)] = 1
        either = ((truth + told) > 0).sum(axis=1)
        found["semeval_ec_dev_jaccard"] = float(
            np.where(either == 0, 1, (truth * told).sum(axis=1) / np.maximum(either, 1)).mean()
        )
        found["semeval_ec_dev_macro_f1"] = float(f1_per_label(truth, told).mean())
    folder = data / "tweeteval_emotion"
    if (folder / "val_text.txt").is_file():
        texts = (folder / "val_text.txt").read_text("utf-8").rstrip("\n").split("\n")
        truth = np.eye(4)[[int(line) for line in (folder / "val_labels.txt").read_text("utf-8").split()]]
        scores = await network_scores(encoder, texts)
        picked = []
        for text, score in zip(texts, scores, strict=True):
            outside = interpret(score, text).outside
            picked.append(int(np.argmax([outside[label] for label in TWEETEVAL])))
        found["tweeteval_val_macro_f1"] = float(f1_per_label(truth, np.eye(4)[picked]).mean())
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("WHISPERENGINE_DATA")
    parser.add_argument("data", nargs="?", type=Path, default=Path(default) if default else None)
    parser.add_argument("--show", action="store_true", help="print the sentences that are read differently")
    arguments = parser.parse_args()
    if arguments.data is None or not arguments.data.is_dir():
        raise SystemExit(
            "The data is missing. Give the folder that holds goemotions/, or set WHISPERENGINE_DATA to it."
        )
    config = configuration.load()
    encoder = await Encoder.open(config, await asyncio.to_thread(models.ensure, config, print))
    try:
        result = {"bench": "emotion", **await goemotions(encoder, arguments.data)}
        for name in ("sentences", "sentences_blind"):
            result |= await sentences(encoder, name, arguments.show)
        result |= await strength(encoder)
        result |= await other_sets(encoder, arguments.data)
    finally:
        await encoder.close()
    for key, value in result.items():
        print(f"{key:38} {value if isinstance(value, str) else round(value, 4)}")
    print(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in result.items()}))


if __name__ == "__main__":
    asyncio.run(main())
