"""A RoBERTa sequence classifier as int8 ONNX: `export_emotion_onnx.py OUT [CHECKPOINT]`.

CHECKPOINT is a folder, or a name on the Hugging Face hub (default: the cardiffnlp emotion model). OUT receives
`model.onnx`, `config.json` and `tokenizer.json`: what `whisperengine.inference.roberta` opens. The image's build runs
this.

The graph is written from the weights, so torch is needed only where a checkpoint has no `model.safetensors` (to
unpickle `pytorch_model.bin`) and for `--verify`, which compares the graphs with transformers' own model and fails
unless fp32 agrees within 1e-4 and int8 correlates at 0.99 or better.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from whisperengine.errors import ConfigurationError, ModelFilesError, WhisperEngineError
from whisperengine.inference import safetensors
from whisperengine.inference.onnx_writer import GraphWriter

DEFAULT_MODEL = "cardiffnlp/twitter-roberta-base-emotion-multilabel-latest"
CONTRIB = "com.microsoft"
LARGEST_WEIGHT = 63
"""Seven bits: CPUs without VNNI add two u8*s8 products in 16 bits, and eight-bit weights would overflow there."""
FP32_TOLERANCE = 1e-4
INT8_CORRELATION = 0.99


class RobertaGraph:
    """Writes one RoBERTa classifier; inputs `input_ids`, `attention_mask` (int64, right padded), output `logits`
    (batch, labels).
    """

    def __init__(self, weights: Mapping[str, np.ndarray], config: Mapping[str, Any], *, int8: bool) -> None:
        self.weights = {name.removeprefix("roberta."): array for name, array in weights.items()}
        self.config = config
        self.int8 = int8
        self.writer = GraphWriter()

    def build(self) -> bytes:
        """The model file. Raises ModelFilesError when the checkpoint is no RoBERTa classifier."""
        if self.config.get("model_type") != "roberta" or self.config.get("hidden_act", "gelu") != "gelu":
            raise ModelFilesError("The checkpoint is no RoBERTa with gelu. Name a RoBERTa sequence classifier instead.")
        try:
            return self._build()
        except KeyError as error:
            raise ModelFilesError(
                f"The checkpoint has no tensor {error}. Name a RoBERTa with a sequence classification head instead."
            ) from error

    def _build(self) -> bytes:
        w = self.writer
        w.input("input_ids", "int64", ("batch", "tokens"))
        w.input("attention_mask", "int64", ("batch", "tokens"))
        mask = w.node("Cast", ["attention_mask"], to=6)
        state = self._embed()
        for layer in range(self.config["num_hidden_layers"]):
            state = self._layer(state, f"encoder.layer.{layer}.", mask)
        first = w.node("Gather", [state, w.constant("first", np.array(0, np.int64))], axis=1)
        hidden = w.node("Tanh", [self._linear(first, "classifier.dense")])
        w.node("Identity", [self._linear(hidden, "classifier.out_proj")], "logits")
        w.output("logits", "float32", ("batch", len(self.config["id2label"])))
        return w.model("roberta")

    def _embed(self) -> str:
        w, tensors = self.writer, self.weights
        words, kind = "embeddings.word_embeddings.weight", "embeddings.token_type_embeddings.weight"
        if self.int8:
            table, scale = quantize_rows(tensors[words], 127)
            rows = w.node("Cast", [w.node("Gather", [w.constant("words", table), "input_ids"])], to=1)
            scales = w.node("Gather", [w.constant("words.scale", scale[:, None]), "input_ids"])
            state = w.node("Mul", [rows, scales])
        else:
            state = w.node("Gather", [w.constant("words", tensors[words]), "input_ids"])
        # RoBERTa counts positions from pad_token_id + 1; with padding on the right alone that is a plain slice.
        first = self.config["pad_token_id"] + 1
        places = tensors["embeddings.position_embeddings.weight"][first:] + tensors[kind][0]
        one = w.constant("one", np.array([1], np.int64))
        length = w.node("Gather", [w.node("Shape", ["input_ids"]), one])
        zero = w.constant("zero", np.array([0], np.int64))
        state = w.node("Add", [state, w.node("Slice", [w.constant("places", places), zero, length, zero])])
        return self._norm(state, "embeddings.LayerNorm")

    def _layer(self, state: str, prefix: str, mask: str) -> str:
        w = self.writer
        heads = self.config["num_attention_heads"]
        query, key, value = (self._dense(state, f"{prefix}attention.self.{n}") for n in ("query", "key", "value"))
        context = w.node("MultiHeadAttention", [query, key, value, "", mask], domain=CONTRIB, num_heads=heads)
        mixed = self._dense(context, prefix + "attention.output.dense")
        state = self._norm(w.node("Add", [state, mixed]), prefix + "attention.output.LayerNorm")
        inner = w.node("Gelu", [self._dense(state, prefix + "intermediate.dense")])
        return self._norm(
            w.node("Add", [state, self._dense(inner, prefix + "output.dense")]), prefix + "output.LayerNorm"
        )

    def _dense(self, state: str, name: str) -> str:
        if not self.int8:
            return self._linear(state, name)
        table, scale = quantize_rows(self.weights[name + ".weight"], LARGEST_WEIGHT)
        w = self.writer
        inputs = [
            state,
            w.constant(name + ".W", table.T),
            w.constant(name + ".scale", scale),
            w.constant(name + ".zero", np.zeros(len(scale), np.int8)),
            w.constant(name + ".b", self.weights[name + ".bias"]),
        ]
        return w.node("DynamicQuantizeMatMul", inputs, domain=CONTRIB)

    def _linear(self, state: str, name: str) -> str:
        w = self.writer
        product = w.node("MatMul", [state, w.constant(name + ".W", self.weights[name + ".weight"].T)])
        return w.node("Add", [product, w.constant(name + ".b", self.weights[name + ".bias"])])

    def _norm(self, state: str, name: str) -> str:
        w = self.writer
        inputs = [state, w.constant(name + ".g", self.weights[name + ".weight"])]
        inputs.append(w.constant(name + ".b", self.weights[name + ".bias"]))
        return w.node("LayerNormalization", inputs, axis=-1, epsilon=float(self.config["layer_norm_eps"]))


def quantize_rows(table: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) f32 to int8 of the same shape and one f32 scale per row, symmetric around zero."""
    scale = np.maximum(np.abs(table).max(axis=1), 1e-12).astype(np.float32) / largest
    return np.rint(table / scale[:, None]).astype(np.int8), scale


def find_checkpoint(name: str, revision: str | None = None) -> Path:
    """The folder itself, or the hub's files under that name (needs a network)."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    wanted = ["config.json", "tokenizer.json", "vocab.json", "merges.txt", "model.safetensors", "pytorch_model.bin"]
    return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))


def load_weights(folder: Path) -> dict[str, np.ndarray]:
    if (folder / "model.safetensors").exists():
        return safetensors.load(folder / "model.safetensors").arrays
    try:
        import torch
    except ImportError as error:
        raise ConfigurationError(
            f"{folder} has no model.safetensors. Install torch here, so that pytorch_model.bin can be read."
        ) from error
    state = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
    return {name: tensor.float().numpy() for name, tensor in state.items() if tensor.is_floating_point()}


def load_tokenizer(folder: Path) -> Tokenizer:
    """The checkpoint's own fast tokenizer, or RoBERTa's byte-level BPE from its vocabulary and merges."""
    if (folder / "tokenizer.json").exists():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    if not (folder / "vocab.json").exists() or not (folder / "merges.txt").exists():
        raise ModelFilesError(f"{folder} has neither tokenizer.json nor vocab.json and merges.txt. Fetch it again.")
    tokenizer = Tokenizer(
        models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token="<unk>")
    )
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    ids = tokenizer.get_vocab(with_added_tokens=True)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", ids["</s>"]), ("<s>", ids["<s>"]), add_prefix_space=False
    )
    return tokenizer


def export(folder: Path, out: Path) -> None:
    """Write the three files that the service opens; `out` appears whole or not at all."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        made = Path(name) / "made"
        made.mkdir()
        (made / "model.onnx").write_bytes(RobertaGraph(load_weights(folder), config, int8=True).build())
        shutil.copyfile(folder / "config.json", made / "config.json")
        load_tokenizer(folder).save(str(made / "tokenizer.json"))
        if out.exists():
            shutil.rmtree(out)
        made.replace(out)


def batches(config: Mapping[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Seeded (ids, mask) of several shapes, one row of each batch padded on the right."""
    random = np.random.default_rng(1)
    longest = config["max_position_embeddings"] - config["pad_token_id"] - 1
    found = []
    for rows, tokens in ((1, 3), (1, 12), (4, 25), (8, min(60, longest))):
        ids = random.integers(5, config["vocab_size"], (rows, tokens))
        mask = np.ones_like(ids)
        if rows > 1:
            mask[1, tokens // 2 :] = 0
            ids[1, tokens // 2 :] = config["pad_token_id"]
        found.append((ids, mask))
    return found


def run(model: bytes, inputs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(rows of all batches, labels) logits of a model file."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    rows = [np.asarray(session.run(["logits"], {"input_ids": i, "attention_mask": m})[0]) for i, m in inputs]
    return np.concatenate(rows)


def verify(folder: Path) -> bool:
    """Compare both precisions with transformers' own model; prints the figures."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(str(folder), attn_implementation="eager").eval()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    inputs = batches(config)
    with torch.inference_mode():
        outputs = [
            model(input_ids=torch.from_numpy(i), attention_mask=torch.from_numpy(m)).logits.numpy() for i, m in inputs
        ]
    expected = np.concatenate(outputs)
    weights = load_weights(folder)
    fp32, int8 = (run(RobertaGraph(weights, config, int8=flag).build(), inputs) for flag in (False, True))
    difference = float(np.abs(fp32 - expected).max())
    correlation = float(np.corrcoef(int8.ravel(), expected.ravel())[0, 1])
    print(f"fp32: largest difference {difference:.2e}; int8: correlation {correlation:.5f}")
    return difference <= FP32_TOLERANCE and correlation >= INT8_CORRELATION


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("checkpoint", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--revision", help="the hub's commit; scores differ between revisions, so a build names one")
    parser.add_argument(
        "--verify", action="store_true", help="compare with transformers (needs torch); exit 1 on failure"
    )
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    folder = find_checkpoint(arguments.checkpoint or DEFAULT_MODEL, arguments.revision)
    if arguments.verify and not verify(folder):
        print("The graph does not agree with the checkpoint; nothing was written.", file=sys.stderr)
        return 1
    export(folder, arguments.out)
    print(f"{arguments.out}: {(arguments.out / 'model.onnx').stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WhisperEngineError as error:
        sys.exit(str(error))
