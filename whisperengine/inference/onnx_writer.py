"""Just enough protobuf to write an ONNX model: nodes, initializers (inline or in another file), inputs and outputs.

Field numbers are those of `onnx.proto` (ONNX 1.16, IR version 10); the `onnx` package itself is not needed at run time.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

IR_VERSION = 10
DOMAINS = (("", 20), ("com.microsoft", 1))
ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10}
EXTERNAL = 1

Attribute = int | float | str | Sequence[int]
Dimension = int | str


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative int64 is its two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        body, kind = _integer(3, value), 2
    elif isinstance(value, float):
        body, kind = _varint(2 << 3 | 5) + struct.pack("<f", value), 1
    elif isinstance(value, str):
        body, kind = _bytes(4, value), 3
    else:
        body, kind = b"".join(_integer(8, item) for item in value), 7
    return _bytes(1, name) + body + _integer(20, kind)


def _tensor(name: str, shape: Sequence[int], dtype: str, payload: bytes) -> bytes:
    dims = b"".join(_integer(1, size) for size in shape)
    return dims + _integer(2, ELEMENT_TYPES[dtype]) + _bytes(8, name) + payload


def _value(name: str, dtype: str, shape: Sequence[Dimension]) -> bytes:
    dims = b"".join(_bytes(1, _integer(1, d) if isinstance(d, int) else _bytes(2, d)) for d in shape)
    tensor = _integer(1, ELEMENT_TYPES[dtype]) + _bytes(2, dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


@dataclass
class GraphWriter:
    """Collects a graph in execution order; `model()` gives the file's bytes."""

    _nodes: list[bytes] = field(default_factory=list)
    _initializers: list[bytes] = field(default_factory=list)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)

    def input(self, name: str, dtype: str, shape: Sequence[Dimension]) -> str:
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[Dimension]) -> str:
        self._outputs.append(_value(name, dtype, shape))
        return name

    def constant(self, name: str, array: np.ndarray) -> str:
        """An initializer whose numbers stand in the model file itself."""
        raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        self._initializers.append(_tensor(name, array.shape, array.dtype.name, _bytes(9, raw)))
        return name

    def external(self, name: str, shape: Sequence[int], dtype: str, file: str, offset: int, length: int) -> str:
        """An initializer that lies at `offset` (bytes) of `file`, a name in the model's own folder."""
        entries = {"location": file, "offset": str(offset), "length": str(length)}
        payload = b"".join(_bytes(13, _bytes(1, key) + _bytes(2, value)) for key, value in entries.items())
        self._initializers.append(_tensor(name, shape, dtype, payload + _integer(14, EXTERNAL)))
        return name

    def node(
        self, operator: str, inputs: Sequence[str], output: str = "", *, domain: str = "", **attributes: Attribute
    ) -> str:
        """Append a node with one output and return the output's name; an empty input name is an omitted input."""
        index = len(self._nodes)
        output = output or f"{operator}_{index}"
        body = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(3, f"{operator}_{index}")
        body += _bytes(4, operator) + b"".join(_bytes(5, _attribute(k, v)) for k, v in attributes.items())
        self._nodes.append(body + (_bytes(7, domain) if domain else b""))
        return output

    def model(self, name: str) -> bytes:
        parts = [(1, self._nodes), (5, self._initializers), (11, self._inputs), (12, self._outputs)]
        graph = b"".join(_bytes(number, item) for number, items in parts for item in items) + _bytes(2, name)
        opsets = b"".join(_bytes(8, _bytes(1, domain) + _integer(2, version)) for domain, version in DOMAINS)
        return _integer(1, IR_VERSION) + _bytes(2, "whisperengine") + _bytes(7, graph) + opsets
