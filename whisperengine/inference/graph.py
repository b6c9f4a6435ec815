"""MiniLM's weights as an ONNX graph: token ids in; unit-length embedding, and emotion probabilities, out.

BERT as published (Devlin et al. 2018; all-MiniLM-L6-v2 has 6 layers of 384 numbers and 12 heads), mean pooling and L2
norm inside.

`fp32` points into `model.safetensors` itself, so the numbers are the published ones and nothing is stored twice.

`q8` multiplies 8-bit integers; weights have one scale per output. What comes out of a LayerNorm has one fixed scale and
its channels evened out first (SmoothQuant, Xiao et al. 2022: each is divided by its largest value to the power
SMOOTHING, and the weights multiplied); other states have one scale per token. So a text's vector does not depend on its
neighbours in the batch. The residual path stays in fp32.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from whisperengine.inference.onnx_writer import ELEMENT_TYPES, GraphWriter
from whisperengine.inference.safetensors import Tensors

VERSION = 1
"""Part of the built file's identity: raise it whenever the graph changes."""
DIMENSIONS = 384
HEADS = 12
LAYERS = 6
EPSILON = 1e-12
SMOOTHING = 0.7
GELU_FLOOR = 0.17
"""Gelu is nowhere below -0.16998: shifted by this, its 8-bit form needs no sign."""
MICROSOFT = "com.microsoft"
EMBEDDING, EMOTION, RANGE = "embedding", "emotion", "range:"

Ranges = Mapping[str, np.ndarray]
"""For each LayerNorm, by name, the largest magnitude seen in each of its channels: float32[384]."""


@dataclass(frozen=True)
class _Weights:
    """A file's tensors as float32. With `file`, the graph points at what it uses unchanged instead of copying it."""

    tensors: Tensors
    prefix: str = ""
    file: str = ""

    def array(self, name: str) -> np.ndarray:
        stored = self.tensors.arrays[name].astype(np.float32)
        scale = self.tensors.arrays.get(name + ".scale")
        if scale is None:
            return stored
        # A BERT layer's matrix is (outputs, inputs), a head's own are (inputs, outputs); a scale belongs to an output.
        return stored * scale.astype(np.float32).reshape((-1, 1) if name.startswith("layer.") else (1, -1))

    def constant(self, graph: GraphWriter, name: str) -> str:
        place = self.tensors.places[name]
        if self.file:
            return graph.external(self.prefix + name, place.shape, place.dtype, self.file, place.offset, place.length)
        return graph.constant(self.prefix + name, self.array(name))


@dataclass
class _Builder:
    ranges: Ranges | None
    graph: GraphWriter = field(default_factory=GraphWriter)
    numbers: dict[str, str] = field(default_factory=dict)
    norms: dict[str, str] = field(default_factory=dict)
    evened: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def op(self, operator: str, *inputs: str, output: str = "", domain: str = "", **attributes: int | float) -> str:
        return self.graph.node(operator, inputs, output, domain=domain, **attributes)

    def number(self, value: np.ndarray | np.generic) -> str:
        """A small constant, written once."""
        array = np.asarray(value)
        name = f"{array.dtype}{array.tolist()}"
        if name not in self.numbers:
            self.numbers[name] = self.graph.constant(name, array)
        return self.numbers[name]

    def axes(self, *axes: int) -> str:
        return self.number(np.array(axes, np.int64))

    def norm(self, x: str, weights: _Weights, name: str) -> str:
        gain, shift = (weights.constant(self.graph, f"{name}.{part}") for part in ("weight", "bias"))
        # Not SkipLayerNormalization: onnxruntime's runs one number at a time and takes an eighth of the whole pass.
        result = self.op("LayerNormalization", x, gain, shift, axis=-1, epsilon=EPSILON)
        self.norms[result] = weights.prefix + name
        return result

    def linears(self, x: str, weights: _Weights, *names: str, gelu: bool = False) -> list[str]:
        """x @ W.T + b for each name; `gelu` says that x came out of one."""
        if self.ranges is None:
            return [self._linear(x, weights, name) for name in names]
        if x in self.norms:
            return self._evened(x, weights, names, np.maximum(self.ranges[self.norms[x]], 1e-3))
        return self._scaled(x, weights, names, gelu)

    def _linear(self, x: str, weights: _Weights, name: str) -> str:
        matrix = weights.constant(self.graph, f"{name}.weight")
        raw = self.op("FusedMatMul", x, matrix, domain=MICROSOFT, transB=1)
        return self.op("Add", raw, weights.constant(self.graph, f"{name}.bias"))

    def _evened(self, x: str, weights: _Weights, names: Sequence[str], largest: np.ndarray) -> list[str]:
        """8-bit products of a LayerNorm's output, whose magnitudes are known: one fixed scale, channels evened out."""
        smooth = largest ** np.float32(SMOOTHING)
        if x not in self.evened:  # trunk and emotion branch start from the same state
            even = self.op("Mul", x, self.graph.constant(self.norms[x] + ".evening", 1 / smooth))
            scale, zero = self.number((largest / smooth).max() / np.float32(127)), self.number(np.uint8(128))
            self.evened[x] = self.op("QuantizeLinear", even, scale, zero), scale, zero
        levels, scale, zero = self.evened[x]
        found = []
        for name in names:
            matrix, step = _levels(weights.array(f"{name}.weight") * smooth)
            bias = weights.constant(self.graph, f"{name}.bias")
            found.append(self._product(levels, scale, zero, weights.prefix + name, matrix, step, "", bias))
        return found

    def _scaled(self, x: str, weights: _Weights, names: Sequence[str], gelu: bool) -> list[str]:
        """8-bit products of states of unknown magnitude: a scale for each token."""
        shift, most, middle = (GELU_FLOOR, 255, 0) if gelu else (0.0, 127, 128)
        x = self.op("Add", x, self.number(np.float32(shift))) if gelu else x
        largest = self.op("ReduceMax", x if gelu else self.op("Abs", x), self.axes(-1))
        unit, zero = self.number(np.float32(1)), self.number(np.uint8(middle))
        x = self.op("Mul", x, self.op("Div", self.number(np.float32(most)), largest))
        levels = self.op("QuantizeLinear", x, unit, zero)
        scale = self.number(np.float32(1 / most))
        found = []
        for name in names:
            matrix, step = _levels(weights.array(f"{name}.weight"))
            raw = self._product(levels, scale, zero, weights.prefix + name, matrix, step)
            bias = weights.array(f"{name}.bias") - np.float32(shift) * step * matrix.sum(axis=1, dtype=np.float32)
            name = self.graph.constant(f"{weights.prefix}{name}.bias", bias)
            found.append(self.op("Add", self.op("Mul", raw, largest), name))
        return found

    def _product(
        self, levels: str, scale: str, zero: str, name: str, matrix: np.ndarray, step: np.ndarray, *bias: str
    ) -> str:
        weights = self.graph.constant(f"{name}.levels", matrix.T)
        steps = self.graph.constant(f"{name}.step", step)
        return self.op("MatMulIntegerToFloat", levels, weights, scale, steps, zero, *bias, domain=MICROSOFT)

    def embedded(self, weights: _Weights, ids: str) -> str:
        part = "embeddings."
        words = self.op("Gather", weights.constant(self.graph, part + "word_embeddings.weight"), ids)
        length = self.op("Slice", self.op("Shape", ids), self.axes(1), self.axes(2))
        table = weights.constant(self.graph, part + "position_embeddings.weight")
        positions = self.op("Slice", table, self.axes(0), length, self.axes(0))
        segment = self.graph.constant("segment", weights.array(part + "token_type_embeddings.weight")[0])
        return self.norm(self.op("Add", words, self.op("Add", positions, segment)), weights, part + "LayerNorm")

    def layer(self, x: str, weights: _Weights, name: str, mask: str) -> str:
        parts = (f"{name}attention.self.{part}" for part in ("query", "key", "value"))
        queries, keys, values = self.linears(x, weights, *parts)
        seen = self.op("MultiHeadAttention", queries, keys, values, "", mask, domain=MICROSOFT, num_heads=HEADS)
        (seen,) = self.linears(seen, weights, f"{name}attention.output.dense")
        x = self.norm(self.op("Add", x, seen), weights, f"{name}attention.output.LayerNorm")
        (inner,) = self.linears(x, weights, f"{name}intermediate.dense")
        (inner,) = self.linears(self.op("Gelu", inner, domain=MICROSOFT), weights, f"{name}output.dense", gelu=True)
        return self.norm(self.op("Add", x, inner), weights, f"{name}output.LayerNorm")


def _levels(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """8-bit form of float32[outputs, inputs]: int8 levels, and what one level stands for, float32[outputs]."""
    step = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
    return np.rint(matrix / step[:, None]).astype(np.int8), step


def build(
    weights: Tensors, head: Tensors | None, file: str, ranges: Ranges | None = None, *, measure: bool = False
) -> bytes:
    """The ONNX file's bytes: q8 when `ranges` are given, else fp32.

    weights: the published tensors, stored as `file` in the folder where the graph will lie.
    head: the emotion head, or None for a graph that has no output `emotion`.
    measure: also output every LayerNorm's ranges, as `range:NAME`.

    Inputs `input_ids`, `attention_mask`: int64[batch, tokens]. Outputs `embedding`: float32[batch, 384] of unit length;
    `emotion`: float32[batch, labels], probabilities 0..1.
    """
    builder = _Builder(ranges)
    graph, op = builder.graph, builder.op
    ids = graph.input("input_ids", "int64", ["batch", "tokens"])
    given = graph.input("attention_mask", "int64", ["batch", "tokens"])
    mask = op("Cast", given, to=ELEMENT_TYPES["int32"])
    present = op("Unsqueeze", op("Cast", given, to=ELEMENT_TYPES["float32"]), builder.axes(-1))
    count = op("ReduceSum", present, builder.axes(1), keepdims=0)

    def mean(state: str) -> str:
        return op("Div", op("ReduceSum", op("Mul", state, present), builder.axes(1), keepdims=0), count)

    trunk = _Weights(weights, file=file)
    states = [builder.embedded(trunk, ids)]
    for number in range(LAYERS):
        states.append(builder.layer(states[-1], trunk, f"encoder.layer.{number}.", mask))
    op("LpNormalization", mean(states[-1]), output=EMBEDDING, axis=-1, p=2)
    graph.output(EMBEDDING, "float32", ["batch", DIMENSIONS])
    if head:
        _add_emotion(builder, _Weights(head, "emotion."), states, mask, present, mean)
        graph.output(EMOTION, "float32", ["batch", head.places["pool.b"].shape[0]])
    if measure:
        for state, name in builder.norms.items():
            op("ReduceMax", op("Abs", state), builder.axes(0, 1), output=RANGE + name, keepdims=0)
            graph.output(RANGE + name, "float32", [DIMENSIONS])
    return graph.model("minilm")


def _add_emotion(
    builder: _Builder, head: _Weights, states: Sequence[str], mask: str, present: str, mean: Callable[[str], str]
) -> None:
    """The head's logits: linear on pooled states, plus label-wise attention pooling where the head has it."""
    op, arrays, metadata = builder.op, head.tensors.arrays, head.tensors.metadata
    numbers = sorted({int(name.split(".")[1]) for name in arrays if name.startswith("layer.")})
    state = states[int(metadata["branch_from"])] if numbers else states[-1]
    for number in numbers:
        state = builder.layer(state, head, f"layer.{number}.", mask)
    pooled = [state] if numbers else [states[int(number)] for number in json.loads(metadata["pool_layers"])]
    features = op("Concat", *(mean(one) for one in pooled), axis=-1)

    def plus(x: str, name: str) -> str:
        return op("Add", x, head.constant(builder.graph, name))

    def times(x: str, name: str) -> str:
        return op("MatMul", x, head.constant(builder.graph, name))

    logits = plus(times(features, "pool.W"), "pool.b")
    if "attention.q" in arrays:
        # Padding gets a score so low that its share of the softmax is exactly 0.
        absent = op("Mul", op("Sub", present, builder.number(np.float32(1))), builder.number(np.float32(1e4)))
        shares = op("Softmax", op("Add", plus(times(state, "attention.q"), "attention.qb"), absent), axis=1)
        voices = op("Mul", shares, times(state, "attention.v"))
        logits = op("Add", logits, op("ReduceSum", voices, builder.axes(1), keepdims=0))
    if "calibration.a" in arrays:
        logits = plus(op("Mul", logits, head.constant(builder.graph, "calibration.a")), "calibration.b")
    op("Sigmoid", logits, output=EMOTION)
