"""The safetensors format with numpy alone: an 8-byte little-endian header length, a JSON header, raw tensors."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whisperengine.errors import ModelFilesError

DTYPES = {"F32": "float32", "F16": "float16", "I8": "int8", "U8": "uint8", "I32": "int32", "I64": "int64"}
CODES = {name: code for code, name in DTYPES.items()}
LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in its file: `offset` and `length` in bytes."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True)
class Tensors:
    """A file's tensors (read-only views of the mapped file), their places in it, and its metadata."""

    arrays: dict[str, np.ndarray]
    places: dict[str, Place]
    metadata: dict[str, str]


def load(path: Path) -> Tensors:
    """Map a file. Raises ModelFilesError when it is no safetensors file or shorter than its header says."""
    try:
        with path.open("rb") as file:
            raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise ModelFilesError(
            f"{path} cannot be read ({error}). Fetch it again with `whisperengine models`."
        ) from error
    try:
        header, start = _header(raw)
        metadata = dict(header.pop("__metadata__", {}))
        places = {name: _place(entry, start) for name, entry in header.items()}
        arrays = {
            name: np.frombuffer(raw, place.dtype, place.length // np.dtype(place.dtype).itemsize, place.offset).reshape(
                place.shape
            )
            for name, place in places.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFilesError(
            f"{path} is not a whole safetensors file ({error}). Delete it and run `whisperengine models`."
        ) from error
    return Tensors(arrays, places, metadata)


def _header(raw: mmap.mmap) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(raw[:8], "little")
    if not 2 <= length <= min(LONGEST_HEADER, len(raw) - 8):
        raise ValueError(f"a header of {length} bytes in a file of {len(raw)}")
    header = json.loads(raw[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("the header is not an object")
    return header, 8 + length


def _place(entry: dict[str, Any], start: int) -> Place:
    first, end = entry["data_offsets"]
    return Place(DTYPES[entry["dtype"]], tuple(entry["shape"]), start + first, end - first)


def save(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a file that any safetensors reader understands; tensors in the given order, 8-byte aligned."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
