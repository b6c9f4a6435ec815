"""all-MiniLM-L6-v2 for fastembed, from a folder that compare.py made; its graph pools and normalises."""

from __future__ import annotations

import functools

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

NAME = "local/all-MiniLM-L6-v2"
DIMENSIONS = 384


def embedder(folder: str) -> functools.partial:
    """Makes fastembed's TextEmbedding; called with the model's name."""
    source = ModelSource(hf="none")
    TextEmbedding.add_custom_model(NAME, PoolingType.DISABLED, False, source, dim=DIMENSIONS, model_file="model.onnx")
    return functools.partial(TextEmbedding, specific_model_path=folder)
