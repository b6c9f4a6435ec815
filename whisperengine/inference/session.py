"""How the encoder's graph is opened and run in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from whisperengine.inference.graph import EMBEDDING

# "The quick brown fox jumps over the lazy dog." as MiniLM's tokens, and the first numbers of its published embedding.
KNOWN_TOKENS = [101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 1012, 102]
KNOWN_EMBEDDING = (0.043934, 0.058934, 0.048178, 0.077548, 0.026744, -0.03763, -0.002605, -0.059943)


def open_session(model: Path | bytes, threads: int, *, folder: Path | None = None) -> ort.InferenceSession:
    """A session on a file, or on bytes whose weights lie in `folder`. `threads`: inside one run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # The next level would join additions and LayerNormalization to SkipLayerNormalization, which is far slower.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Patterns are kept for every shape that occurs; with batches of all shapes they only grow.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if folder:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def feed(rows: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Token ids of several texts as the graph's inputs, int64[texts, longest], padded at the end."""
    lengths = np.array([len(row) for row in rows])
    present = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(present.shape, np.int64)
    ids[present] = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return {"input_ids": ids, "attention_mask": present.astype(np.int64)}


def known_error(session: ort.InferenceSession) -> float:
    """Largest difference from the published embedding of a known sentence, in its first numbers (-0.06 to 0.08)."""
    found = np.asarray(session.run([EMBEDDING], feed([KNOWN_TOKENS]))[0])[0, : len(KNOWN_EMBEDDING)]
    return float(np.abs(found - KNOWN_EMBEDDING).max())
