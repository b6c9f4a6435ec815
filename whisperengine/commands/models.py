"""`whisperengine models`: what is in the models folder; fetches and builds what is missing. Also behind
`scripts/download_models.py`.
"""

from __future__ import annotations

import argparse
import sys

from whisperengine.config import Config
from whisperengine.inference import models


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", action="store_true", help="only print the models folder")


def run(args: argparse.Namespace, config: Config) -> int:
    """Every file is verified by its hash; a damaged one is fetched or built again."""
    if args.path:
        print(config.models_dir)
        return 0
    files = models.ensure(config, lambda line: print(line, file=sys.stderr), verify=True)
    print(config.models_dir)
    for path in (files.weights, files.tokenizer, files.onnx):
        print(f"  {path.name:20} {path.stat().st_size / 1e6:6.1f} MB  verified")
    print(
        f"Embeddings: {config.embedding_model}. Encoder: {files.precision}{', with emotion' if files.emotion else ''}."
    )
    return 0
