"""Embedding models other than MiniLM (EMBEDDING_MODEL), run by fastembed's own session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from whisperengine.config import Config
from whisperengine.errors import ConfigurationError, ModelFilesError

if TYPE_CHECKING:
    from fastembed import TextEmbedding

LONGEST = 1024


def fetch(config: Config, report: Callable[[str], None]) -> None:
    """Download the model unless it is there. Raises ConfigurationError for an unknown one, ModelFilesError."""
    report(f"Looking for the embedding model {config.embedding_model}")
    _load(config, lazy=True)


class OtherModel:
    """One fastembed session; not for use from two threads at once."""

    def __init__(self, config: Config) -> None:
        self._model = _load(config, lazy=False)
        self.dimensions = self._model.embedding_size

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """float32[texts, dimensions], each of unit length."""
        found = np.array(list(self._model.embed(list(texts), batch_size=len(texts))), np.float32)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _load(config: Config, *, lazy: bool) -> TextEmbedding:
    from fastembed import TextEmbedding  # costs up to a second of every start otherwise

    name = config.embedding_model
    known = {model["model"]: model["dim"] for model in TextEmbedding.list_supported_models()}
    if not 0 < known.get(name, 0) <= LONGEST:
        usable = ", ".join(sorted(model for model, size in known.items() if size <= LONGEST))
        raise ConfigurationError(
            f"EMBEDDING_MODEL is {name!r}, which fastembed does not know, or which gives more than {LONGEST} numbers. "
            f"One of: {usable}."
        )
    folder = config.fastembed_cache or config.models_dir / "fastembed"
    try:
        return TextEmbedding(name, cache_dir=str(folder), threads=config.encoder_threads, lazy_load=lazy)
    except Exception as error:  # fastembed raises whatever the hub, the disk or onnxruntime raised
        raise ModelFilesError(
            f"The embedding model {name} cannot be had ({error}). Connect this machine to the network and run "
            f"`whisperengine models`, or copy {folder} from a machine that has it, or unset EMBEDDING_MODEL."
        ) from error
