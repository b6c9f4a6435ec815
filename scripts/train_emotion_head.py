"""Trains the emotion classifier that ships in the package: `train_emotion_head.py DATA OUT --encoder FOLDER`.

DATA holds `goemotions/{train,dev}.tsv`, FOLDER the encoder's `model.safetensors` and `tokenizer.json`, OUT is the
safetensors file to write.
Three designs off the same frozen encoder, chosen by `--branch-from`:
  6      a head alone: label-wise attention over the last states and a linear part on the means of layers 2, 4 and 6
  1..5   a branch: trained copies of the layers above it, then the head on their last states
  0      the whole encoder fine-tuned: the upper bound, scored but never shipped
Training reads the raw text, as the service does; a text with [NAME] is met half of the time with a first name in its
place. Lower states are computed once, kept as f16 and shared by all epochs. Needs torch; on CPUs with bfloat16 the
matrix products of training use it.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.emotion_scores import both_ways, f1_per_label, fit_platt, read_split, thresholds
from whisperengine.emotion.labels import FINE, NEUTRAL
from whisperengine.errors import ConfigurationError, WhisperEngineError
from whisperengine.inference import safetensors

LAYERS = 6
HEADS = 12
POOLED = (2, 4, 6)
MAX_TOKENS = 128
DROPOUT = 0.1
EMA = 0.999
AVERAGED = 2
"""The weights written are the mean of the moving averages at the end of this many last epochs."""
NEUTRAL_SHARE = 0.5
"""Of the rows that are only neutral (a third of all) this share is seen in an epoch, with its inverse as weight."""
# fmt: off
NAMES = (
    "James", "Mary", "John", "Linda", "Robert", "Susan", "Michael", "Karen", "David", "Lisa", "Daniel", "Nancy",
    "Paul", "Emma", "Mark", "Anna", "George", "Laura", "Kevin", "Sarah", "Brian", "Maria", "Jason", "Julia",
    "Ryan", "Sophie", "Adam", "Alice", "Peter", "Grace",
)
# fmt: on


def with_names(text: str) -> str:
    """GoEmotions' [NAME] as a first name, the same for the same text in every run."""
    number = zlib.crc32(text.encode())

    def name(_: re.Match[str]) -> str:
        nonlocal number
        number += 7
        return NAMES[number % len(NAMES)]

    return re.sub(r"\[NAME\]", name, text)


class FastDropout(nn.Module):
    """Dropout from one table of random bits read at random places: drawing new bits costs a tenth of a step."""

    SIZE = 1 << 22

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator
        self.table = (torch.rand(self.SIZE, generator=generator) >= DROPOUT).bfloat16() / (1 - DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        start = int(torch.randint(0, self.SIZE - x.numel(), (1,), generator=self.generator))
        return x * self.table[start : start + x.numel()].view(x.shape).to(x.dtype)


class Layer(nn.Module):
    """One BERT layer, starting from the encoder's weights."""

    NAMES = (
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
    )

    def __init__(self, weights: dict[str, Tensor], layer: int, dropout: nn.Module) -> None:
        super().__init__()
        self.dropout = dropout
        for name in self.NAMES:
            for kind in ("weight", "bias"):
                tensor = weights[f"encoder.layer.{layer}.{name}.{kind}"].clone()
                self.register_parameter(f"{name}.{kind}".replace(".", "_"), nn.Parameter(tensor))

    def linear(self, x: Tensor, name: str) -> Tensor:
        name = name.replace(".", "_")
        return F.linear(x, self._parameters[name + "_weight"], self._parameters[name + "_bias"])

    def norm(self, x: Tensor, name: str) -> Tensor:
        name = name.replace(".", "_")
        return F.layer_norm(
            x, x.shape[-1:], self._parameters[name + "_weight"], self._parameters[name + "_bias"], 1e-12
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        rows, tokens, width = x.shape
        q, k, v = (self.linear(x, name).view(rows, tokens, HEADS, -1).transpose(1, 2) for name in self.NAMES[:3])
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        mixed = self.linear(mixed.transpose(1, 2).reshape(rows, tokens, width), "attention.output.dense")
        x = self.norm(x + self.dropout(mixed), "attention.output.LayerNorm")
        inner = self.linear(F.gelu(self.linear(x, "intermediate.dense")), "output.dense")
        return self.norm(x + self.dropout(inner), "output.LayerNorm")


class Embedding(nn.Module):
    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(weights["embeddings.word_embeddings.weight"].clone(), freeze=False)
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        self.places = nn.Parameter(weights["embeddings.position_embeddings.weight"] + kind)
        self.norm = nn.LayerNorm(self.places.shape[1], eps=1e-12)
        self.norm.load_state_dict({k: weights[f"embeddings.LayerNorm.{k}"] for k in ("weight", "bias")})

    def forward(self, ids: Tensor) -> Tensor:
        return self.norm(self.words(ids) + self.places[: ids.shape[1]])


def mean(states: Tensor, mask: Tensor) -> Tensor:
    weight = mask.float().unsqueeze(-1)
    return (states * weight).sum(1) / weight.sum(1)


class Classifier(nn.Module):
    """Branch (maybe empty) and head. `pooled` are the trunk's means where there is no branch."""

    def __init__(
        self, weights: dict[str, Tensor], branch_from: int, base_rates: Tensor, generator: torch.Generator
    ) -> None:
        super().__init__()
        width, labels = 384, len(FINE)
        dropout = FastDropout(generator)
        self.embedding = Embedding(weights) if branch_from == 0 else None
        self.layers = nn.ModuleList([Layer(weights, layer, dropout) for layer in range(branch_from, LAYERS)])
        self.q = nn.Linear(width, labels)
        self.v = nn.Parameter(torch.randn(labels, width, generator=generator) * 0.02)
        self.pool = nn.Linear(width * (len(POOLED) if branch_from == LAYERS else 1), labels)
        with torch.no_grad():
            self.pool.bias.copy_(torch.logit(base_rates.clamp(1e-3, 0.99)))

    def forward(self, x: Tensor, mask: Tensor, pooled: Tensor | None) -> Tensor:
        if self.embedding is not None:
            x = self.embedding(x)
        for layer in self.layers:
            x = layer(x, mask)
        x = x.float()
        fixed = self.pool(mean(x, mask) if pooled is None else pooled)
        share = self.q(x).float().masked_fill(~mask.unsqueeze(-1), -1e4).softmax(1)
        return fixed.float() + (share * F.linear(x, self.v).float()).sum(1)


@dataclass
class Corpus:
    """Tokenised texts and what the frozen layers make of them, flat over all tokens."""

    ids: np.ndarray
    offsets: np.ndarray
    states: np.ndarray | None
    pooled: np.ndarray | None

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor | None]:
        place = np.arange(self.lengths[rows].max())
        mask = place[None] < self.lengths[rows][:, None]
        index = np.where(mask, self.offsets[rows][:, None] + place, 0)
        x = torch.from_numpy(self.ids[index] if self.states is None else self.states[index])
        pooled = None if self.pooled is None else torch.from_numpy(self.pooled[rows]).float()
        return (x.long() if self.states is None else x.float()), torch.from_numpy(mask), pooled


@torch.inference_mode()
def read_corpus(
    texts: list[str], folder: Path, weights: dict[str, Tensor], branch_from: int, cache: Path | None
) -> Corpus:
    """Run the frozen layers below the branch once over all texts; `cache` keeps their states for the next run."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    offsets: np.ndarray = np.concatenate([[0], np.cumsum([len(row) for row in ids])])
    corpus = Corpus(np.concatenate(ids).astype(np.int32), offsets, None, None)
    if branch_from == 0:
        return corpus
    kept = cache / f"layer{branch_from}.npz" if cache else None
    if kept and kept.exists():
        with np.load(kept) as file:
            states, pooled = file["states"], file["pooled"]
        corpus.states, corpus.pooled = states, pooled if branch_from == LAYERS else None
        if len(states) != offsets[-1]:
            raise ConfigurationError(f"{kept} was made from other texts. Delete it, or name another --cache.")
        return corpus
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    states = np.zeros((offsets[-1], width), np.float16)
    pooled = np.zeros((len(texts), len(POOLED) * width), np.float16)
    embedding = Embedding(weights).eval()
    trunk = [Layer(weights, layer, nn.Identity()).eval() for layer in range(branch_from)]
    for rows in np.array_split(np.argsort(corpus.lengths, kind="stable"), math.ceil(len(texts) / 48)):
        x, mask, _ = corpus.batch(rows)
        x, means = embedding(x), []
        for number, layer in enumerate(trunk, 1):
            x = layer(x, mask)
            if number in POOLED:
                means.append(mean(x, mask))
        places = [np.arange(*offsets[[row, row + 1]].tolist()) for row in rows]
        states[np.concatenate(places)] = x[mask].half().numpy()
        if branch_from == LAYERS:
            pooled[rows] = torch.cat(means, -1).half().numpy()
    corpus.states, corpus.pooled = states, pooled if branch_from == LAYERS else None
    if kept:
        np.savez(kept, states=states, pooled=pooled if branch_from == LAYERS else np.empty(0))
    return corpus


def buckets(rows: np.ndarray, lengths: np.ndarray, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """Batches of texts of like length in random order."""
    found = []
    for start in range(0, len(rows), size * 50):
        part = rows[start : start + size * 50]
        part = part[np.argsort(lengths[part], kind="stable")]
        found += [part[i : i + size] for i in range(0, len(part), size)]
    return [found[i] for i in random.permutation(len(found))]


@torch.inference_mode()
def predict(model: Classifier, corpus: Corpus, rows: np.ndarray, lower: bool) -> np.ndarray:
    """(rows, 28) logits."""
    model.eval()
    out = np.zeros((len(rows), len(FINE)), np.float32)
    order = np.argsort(corpus.lengths[rows], kind="stable")
    for part in np.array_split(order, math.ceil(len(order) / 64)):
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            out[part] = model(*corpus.batch(rows[part])).float().numpy()
    return out


def train(
    model: Classifier,
    corpus: Corpus,
    truth: np.ndarray,
    other: np.ndarray,
    arguments: argparse.Namespace,
    finish: Callable[[], None],
) -> None:
    """AdamW with warm-up and linear decay; after each epoch `finish` sees the averaged weights in `model`."""
    random = np.random.default_rng(arguments.seed)
    only_neutral = (truth[:, NEUTRAL] == 1) & (truth.sum(axis=1) == 1)
    steps = arguments.schedule * math.ceil((len(truth) - only_neutral.sum() * (1 - NEUTRAL_SHARE)) / arguments.batch)
    body = [*model.layers.parameters(), *(model.embedding.parameters() if model.embedding is not None else ())]
    head = [model.v, *model.q.parameters(), *model.pool.parameters()]
    groups = [{"params": body, "lr": arguments.lr}, {"params": head, "lr": arguments.head_lr}]
    optimiser = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.01, fused=True)
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.06 * steps)) * max(0.01, 1 - step / steps)
    )
    slow = {name: p.detach().clone() for name, p in model.named_parameters()}
    targets = torch.from_numpy(truth)
    weight = torch.from_numpy(np.where(only_neutral, 1 / NEUTRAL_SHARE, 1.0).astype(np.float32))[:, None]
    averages: list[dict[str, Tensor]] = []
    step = 0
    for epoch in range(arguments.epochs):
        model.train()
        started, total = time.monotonic(), 0.0
        shown = np.where(random.random(len(truth)) < 0.5, np.arange(len(truth)), other)
        seen = random.permutation(np.flatnonzero(~only_neutral | (random.random(len(truth)) < NEUTRAL_SHARE)))
        for rows in buckets(seen, corpus.lengths[shown], arguments.batch, random):
            with torch.autocast("cpu", torch.bfloat16, enabled=not arguments.fp32):
                logits = model(*corpus.batch(shown[rows]))
            loss = (F.binary_cross_entropy_with_logits(logits, targets[rows], reduction="none") * weight[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            pace.step()
            step += 1
            total += loss.item() * len(rows)
            if step % 4 == 0:
                keep = min(EMA**4, (1 + step) / (40 + step))
                with torch.no_grad():
                    for name, p in model.named_parameters():
                        slow[name].lerp_(p, 1 - keep)
        print(f"epoch {epoch + 1}: loss {total / len(seen):.5f}, {time.monotonic() - started:.0f} s", flush=True)
        fast = {name: p.detach().clone() for name, p in model.named_parameters()}
        averages = [*averages, {name: p.clone() for name, p in slow.items()}][-AVERAGED:]
        model.load_state_dict({name: sum(a[name] for a in averages) / len(averages) for name in slow}, strict=False)
        finish()
        if epoch + 1 < arguments.epochs:
            model.load_state_dict(fast, strict=False)


def tensors(model: Classifier, storage: str) -> dict[str, np.ndarray]:
    """What the graph folds in: names and layout of `whisperengine/emotion/MODEL_CARD.md`."""
    found: dict[str, np.ndarray] = {}

    def plain(tensor: Tensor) -> np.ndarray:
        return np.ascontiguousarray(tensor.detach().float().numpy().astype(np.float16))

    for number, layer in enumerate(model.layers):
        for name in Layer.NAMES:
            weight = layer.get_parameter(f"{name}.weight".replace(".", "_")).detach().float().numpy()
            place = f"layer.{number}.{name}"
            if storage == "int8" and weight.ndim == 2:
                scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
                found[place + ".weight"] = np.rint(weight / scale[:, None]).astype(np.int8)
                found[place + ".weight.scale"] = scale.astype(np.float32)
            else:
                found[place + ".weight"] = weight.astype(np.float16)
            found[place + ".bias"] = plain(layer.get_parameter(f"{name}.bias".replace(".", "_")))
    found |= {
        "attention.q": plain(model.q.weight.T),
        "attention.qb": plain(model.q.bias),
        "attention.v": plain(model.v.T),
    }
    return found | {"pool.W": plain(model.pool.weight.T), "pool.b": plain(model.pool.bias)}


def finish(
    model: Classifier, corpus: Corpus, dev: np.ndarray, truth: np.ndarray, arguments: argparse.Namespace
) -> None:
    """Calibrate and tune thresholds on dev, print the scores, write the file."""
    logits = predict(model, corpus, dev, not arguments.fp32)
    slopes, offsets = zip(*(fit_platt(logits[:, i], truth[:, i]) for i in range(len(FINE))), strict=True)
    scores = 1 / (1 + np.exp(-(logits * slopes + offsets)))
    cuts = thresholds(scores, truth)
    halves = both_ways(scores, truth)
    within = float(f1_per_label(truth, scores > cuts).mean())
    print(
        f"dev macro-F1: thresholds from the other half {halves[0]:.4f} {halves[1]:.4f}, from dev {within:.4f}",
        flush=True,
    )
    if arguments.branch_from == 0:
        return  # the upper bound is scored, never shipped
    found = tensors(model, arguments.storage)
    found |= {"calibration.a": np.array(slopes, np.float32), "calibration.b": np.array(offsets, np.float32)}
    options = {
        k: getattr(arguments, k)
        for k in ("branch_from", "epochs", "schedule", "lr", "head_lr", "batch", "seed", "storage")
    }
    command = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())
    metadata = {
        "labels": json.dumps(FINE),
        "branch_from": "" if arguments.branch_from == LAYERS else str(arguments.branch_from),
        "pool_layers": json.dumps(POOLED) if arguments.branch_from == LAYERS else "[]",
        "thresholds": json.dumps([round(float(cut), 4) for cut in cuts]),
        "seed": str(arguments.seed),
        "command": f"scripts/train_emotion_head.py DATA OUT --encoder FOLDER {command}",
        "dev_macro_f1_halves": json.dumps([round(value, 4) for value in halves]),
    }
    safetensors.save(arguments.out, found, metadata)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--branch-from", type=int, default=3, choices=range(LAYERS + 1))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--schedule", type=int, default=4, help="epochs after which the learning rate would reach zero")
    parser.add_argument("--lr", type=float, default=1.5e-4)
    parser.add_argument("--head-lr", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--storage", choices=("f16", "int8"), default="int8")
    parser.add_argument("--cache", type=Path, help="folder that keeps the frozen layers' states between runs")
    parser.add_argument("--fp32", action="store_true", help="no bfloat16 in training")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)

    texts, truth = read_split(arguments.data, "train")
    dev_texts, dev_truth = read_split(arguments.data, "dev")
    named = np.array([row for row, text in enumerate(texts) if "[NAME]" in text])
    other = np.arange(len(texts))
    other[named] = len(texts) + np.arange(len(named))
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    everything = texts + [with_names(texts[row]) for row in named] + dev_texts
    arrays = safetensors.load(arguments.encoder / "model.safetensors").arrays
    weights = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    started = time.monotonic()
    corpus = read_corpus(everything, arguments.encoder, weights, arguments.branch_from, arguments.cache)
    print(f"{len(everything)} texts, {corpus.offsets[-1]} tokens, {time.monotonic() - started:.0f} s", flush=True)

    model = Classifier(weights, arguments.branch_from, torch.from_numpy(truth.mean(axis=0)), generator)
    dev = np.arange(len(everything) - len(dev_texts), len(everything))
    train(model, corpus, truth, other, arguments, lambda: finish(model, corpus, dev, dev_truth, arguments))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WhisperEngineError as error:
        sys.exit(str(error))
