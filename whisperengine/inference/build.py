"""From the published weights to the encoder's ONNX file, checked before anybody relies on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort

from whisperengine.errors import ModelFilesError
from whisperengine.inference import graph, safetensors
from whisperengine.inference.graph import EMBEDDING, RANGE, Ranges
from whisperengine.inference.session import feed, known_error, open_session

EXACT = 1e-5
"""Most that a number of an fp32 embedding may differ from the published one; 3e-7 is usual."""
LIKENESS = (0.99, 0.97)
"""Mean and least cosine of q8 to fp32 embeddings on random tokens; 0.998 and 0.99 are usual."""
FIRST_WORD, LAST_WORD, START, END = 999, 30522, 101, 102


def build(
    folder: Path, weights: str, head: Path | None, precision: str, report: Callable[[str], None]
) -> tuple[bytes, str]:
    """The file's bytes, and the precision that it has.

    folder, weights: where the verified weights lie and under which name. precision: fp32, q8, or auto, which takes q8
    when it is faster on this machine and close to fp32. Raises ModelFilesError when the result fails its check.
    """
    tensors = safetensors.load(folder / weights)
    emotion = safetensors.load(head) if head else None
    plain = graph.build(tensors, emotion, weights)
    exact = open_session(graph.build(tensors, emotion, weights, measure=True), 1, folder=folder)
    if (error := known_error(exact)) > EXACT:
        raise ModelFilesError(
            f"The encoder's fp32 graph is off by {error:.1e} on this machine. Install another release of onnxruntime "
            "and try again."
        )
    if precision == "fp32":
        return plain, "fp32"
    small = graph.build(tensors, emotion, weights, _ranges(exact))
    problem = _shortcoming(exact, open_session(small, 1, folder=folder))
    if not problem:
        return small, "q8"
    if precision == "q8":
        raise ModelFilesError(f"The 8-bit encoder {problem} on this machine. Set ENCODER_PRECISION to fp32 or auto.")
    report(f"The 8-bit encoder {problem} on this machine: taking fp32.")
    return plain, "fp32"


def _random_texts(seed: int, tokens: int) -> Iterator[list[list[int]]]:
    """Batches of about so many tokens each, of random words: they reach as wide as any sample of texts."""
    words = np.random.default_rng(seed)
    for length in (6, 12, 24, 48, 96, 256):
        batch = words.integers(FIRST_WORD, LAST_WORD, (tokens // length, length))
        batch[:, 0], batch[:, -1] = START, END
        yield batch.tolist()


def _ranges(session: ort.InferenceSession) -> Ranges:
    names = [output.name for output in session.get_outputs() if output.name.startswith(RANGE)]
    runs = [session.run(names, feed(rows)) for rows in _random_texts(seed=0, tokens=768)]
    largest = np.max(np.array(runs, np.float32), axis=0)
    return {name.removeprefix(RANGE): channels for name, channels in zip(names, largest, strict=True)}


def _shortcoming(exact: ort.InferenceSession, small: ort.InferenceSession) -> str:
    """What speaks against the q8 session: empty when nothing does."""
    cosines = [
        np.sum(np.asarray(exact.run([EMBEDDING], batch)[0]) * np.asarray(small.run([EMBEDDING], batch)[0]), axis=1)
        for batch in map(feed, _random_texts(seed=1, tokens=256))
    ]
    found = np.concatenate(cosines)
    if found.mean() < LIKENESS[0] or found.min() < LIKENESS[1]:
        return f"differs too much from fp32 (cosine {found.mean():.3f}, least {found.min():.3f})"
    batch = feed(next(_random_texts(seed=2, tokens=96)))
    if _seconds(small, batch) > _seconds(exact, batch):
        return "is not faster than fp32"
    return ""


def _seconds(session: ort.InferenceSession, batch: dict[str, np.ndarray]) -> float:
    """The shortest of some runs: other programs can only make one longer."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        session.run([EMBEDDING], batch)
        times.append(time.perf_counter() - start)
    return min(times)
