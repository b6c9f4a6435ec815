"""GoEmotions' files, macro-F1, thresholds and calibration: what the training script and `bench/emotion.py` both need.
numpy only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from whisperengine.emotion.labels import FINE
from whisperengine.errors import ConfigurationError

RESAMPLES = 25


def read_split(data: Path, split: str) -> tuple[list[str], np.ndarray]:
    """Texts and (n, 28) 0/1 labels of `data/goemotions/SPLIT.tsv`. Raises ConfigurationError when it is missing."""
    path = data / "goemotions" / f"{split}.tsv"
    if not path.is_file():
        raise ConfigurationError(f"{path} is missing. Pass the folder that holds goemotions/.")
    texts, rows = [], []
    for line in path.read_text("utf-8").split("\n"):
        if line:
            text, numbers, _ = line.split("\t")
            row = np.zeros(len(FINE), np.float32)
            row[[int(number) for number in numbers.split(",")]] = 1
            texts.append(text)
            rows.append(row)
    return texts, np.array(rows)


def f1_per_label(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(labels,) F1; 0 for a label that is neither there nor predicted."""
    hits = (truth * predicted).sum(axis=0)
    return 2 * hits / np.maximum(truth.sum(axis=0) + predicted.sum(axis=0), 1)


def micro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(2 * (truth * predicted).sum() / max(truth.sum() + predicted.sum(), 1))


def thresholds(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(labels,) the cut on each label's `scores` (probabilities): midway between two estimates of the best one.

    One is the median of the best cuts of seeded resamples, the other the cut with the highest F1 expected under the
    scores calibrated on these rows. A label with a dozen rows has no reliable best cut of its own; together they are
    worth about a point of macro-F1 on halves of dev, more than either alone.
    """
    random = np.random.default_rng(0)
    samples = [random.integers(0, len(scores), len(scores)) for _ in range(RESAMPLES)]
    found = np.zeros(scores.shape[1])
    for label in range(scores.shape[1]):
        column, hits = scores[:, label], truth[:, label].astype(np.float64)
        slope, offset = fit_platt(logit(column), hits)
        expected = _best_cut(column, 1 / (1 + np.exp(-(slope * logit(column) + offset))))
        counted = np.median([_best_cut(column[rows], hits[rows]) for rows in samples])
        found[label] = 1 / (1 + np.exp(-(logit(expected) + logit(counted)) / 2))
    return found


def _best_cut(scores: np.ndarray, hits: np.ndarray) -> float:
    """The cut with the highest F1 where row i counts as `hits[i]` (0..1) of a hit."""
    order = np.argsort(-scores, kind="stable")
    best = int((np.cumsum(hits[order]) / (np.arange(1, len(scores) + 1) + hits.sum())).argmax())
    return float(scores[order[best : best + 2]].mean())


def logit(probabilities: np.ndarray | float) -> np.ndarray:
    p = np.clip(np.asarray(probabilities, np.float64), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def both_ways(scores: np.ndarray, truth: np.ndarray) -> list[float]:
    """Macro-F1 of each half (even and odd rows) with thresholds from the other."""
    even = np.arange(len(scores)) % 2 == 0
    results = []
    for half in (even, ~even):
        cut = thresholds(scores[half], truth[half])
        results.append(float(f1_per_label(truth[~half], scores[~half] > cut).mean()))
    return results


def fit_platt(logits: np.ndarray, truth: np.ndarray, *, prior: float = 10.0) -> tuple[float, float]:
    """Slope and offset that make sigmoid(slope * logit + offset) a probability; Newton's method, drawn to (1, 0) by
    `prior` rows.
    """
    point, middle = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    design = np.stack([logits, np.ones_like(logits)], axis=1).astype(np.float64)
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ point))
        gradient = design.T @ (p - truth) + prior * (point - middle)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + prior * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        point = point - step
        if np.abs(step).max() < 1e-8:
            break
    return float(point[0]), float(point[1])


def calibration_error(probabilities: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over equally filled bins."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(probabilities[part].mean() - right[part].mean()) for part in parts]
    return float(sum(gaps) / len(probabilities))
