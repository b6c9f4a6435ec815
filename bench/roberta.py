"""What the optional RoBERTa costs: `python bench/roberta.py`. Full size, random weights, int8, one thread: time and
memory, not quality.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from tokenizers import ByteLevelBPETokenizer

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripts.export_emotion_onnx import export
from whisperengine.inference import safetensors
from whisperengine.inference.roberta import RobertaEmotion

LABELS = [f"label {number}" for number in range(11)]
CONFIG = {
    "model_type": "roberta",
    "hidden_act": "gelu",
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "max_position_embeddings": 514,
    "vocab_size": 50265,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
    "id2label": {str(number): label for number, label in enumerate(LABELS)},
}
MESSAGES = 60
WORDS = 14
"""Letters of a message: with the small vocabulary below about as many tokens as a chat message has."""


def checkpoint(folder: Path) -> None:
    """A RoBERTa-base of random weights with a byte-level tokenizer."""
    random = np.random.default_rng(0)
    width, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    tensors: dict[str, np.ndarray] = {}

    def dense(name: str, rows: int, columns: int) -> None:
        tensors[name + ".weight"] = (random.standard_normal((rows, columns)) * 0.02).astype(np.float32)
        tensors[name + ".bias"] = np.zeros(rows, np.float32)

    def norm(name: str) -> None:
        tensors[name + ".weight"], tensors[name + ".bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)

    for name, rows in (("word", CONFIG["vocab_size"]), ("position", 514), ("token_type", 1)):
        table = random.standard_normal((rows, width)) * 0.02
        tensors[f"roberta.embeddings.{name}_embeddings.weight"] = table.astype(np.float32)
    norm("roberta.embeddings.LayerNorm")
    for layer in range(CONFIG["num_hidden_layers"]):
        place = f"roberta.encoder.layer.{layer}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            dense(place + name, width, width)
        norm(place + "attention.output.LayerNorm")
        dense(place + "intermediate.dense", inner, width)
        dense(place + "output.dense", width, inner)
        norm(place + "output.LayerNorm")
    dense("classifier.dense", width, width)
    dense("classifier.out_proj", len(LABELS), width)
    safetensors.save(folder / "model.safetensors", tensors, {})
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["the cat sat"], 300, 1, False, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save_model(str(folder))


def make(source: Path, out: Path) -> None:
    checkpoint(source)
    export(source, out)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name) / "checkpoint", Path(name) / "emotion-roberta"
        source.mkdir()
        started = time.perf_counter()
        with ProcessPoolExecutor(1) as other:  # what exporting takes must not count as the service's memory
            other.submit(make, source, out).result()
        exported = time.perf_counter() - started
        size = (out / "model.onnx").stat().st_size
        process = psutil.Process()
        before, started = process.memory_info().rss, time.perf_counter()
        model = RobertaEmotion.open(out)
        loaded = time.perf_counter() - started
        wall, cpu = [], []
        random = np.random.default_rng(1)
        for number in range(MESSAGES + 5):
            text = "".join(random.choice(list("abcdefgh"), WORDS + int(random.integers(-4, 8))))
            first, spent = time.perf_counter(), time.process_time()
            model.scores([text])
            if number >= 5:
                wall.append(time.perf_counter() - first)
                cpu.append(time.process_time() - spent)
        model.close()
        row = {
            "bench": "roberta",
            "file_mb": round(size / 1e6, 1),
            "export_s": round(exported, 1),
            "load_s": round(loaded, 2),
            "memory_mb": round((process.memory_info().rss - before) / 1e6),
            "p50_ms": round(float(np.median(wall)) * 1e3, 1),
            "p99_ms": round(float(np.quantile(wall, 0.99)) * 1e3, 1),
            "cpu_p50_ms": round(float(np.median(cpu)) * 1e3, 1),
        }
    for key, value in row.items():
        print(f"{key:12} {value}")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
