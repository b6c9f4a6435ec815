"""The model files in MODEL_CACHE_DIR: found, fetched once, verified by hash, and made into the encoder's ONNX file.

model.safetensors, tokenizer.json   as published; the ONNX file points into the first and does not repeat it
encoder-PRECISION.onnx              the graph, its emotion head, and in q8 the 8-bit weights
encoder-SETTING.json                from what that was built, and with which precision: a change of any builds it anew
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import io
import json
import logging
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from whisperengine.config import Config
from whisperengine.errors import ModelFilesError
from whisperengine.inference import build, fetch, graph, other_model
from whisperengine.inference.fetch import SHA256, SIZES, TOKENIZER, WEIGHTS

log = logging.getLogger(__name__)

HEAD = Path(__file__).parents[1] / "emotion" / "head.safetensors"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What the encoder opens; `onnx` needs `weights` beside it. precision: fp32 or q8. emotion: is there a head."""

    onnx: Path
    weights: Path
    tokenizer: Path
    precision: str
    emotion: bool


@dataclass(frozen=True, slots=True)
class State:
    """The models folder, and the names of what it lacks."""

    folder: Path
    missing: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not self.missing


def state(config: Config) -> State:
    """Look, without changing anything; files are known by their sizes."""
    missing = [name for name in SHA256 if _size(config.models_dir / name) != SIZES[name]]
    if not _built(config):
        missing.append("the encoder built from them")
    return State(config.models_dir, tuple(missing))


def ensure(config: Config, report: Report = log.info, *, verify: bool = False) -> ModelFiles:
    """Everything that the encoder needs, fetched and built where it is missing.

    Blocks: up to minutes the first time, milliseconds afterwards. verify: hash all files again instead of trusting
    their sizes. Raises ModelFilesError, which says what can be done.
    """
    files = _built(config, verify)
    if files is None:
        folder = config.models_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _only_one(folder, report):
                files = _prepare(config, report, verify)
        except OSError as error:
            raise ModelFilesError(
                f"The models folder {folder} cannot be filled ({error}). Make it writable, or set MODEL_CACHE_DIR to "
                "one that is."
            ) from error
    if config.embedding_model != fetch.REPOSITORY:
        other_model.fetch(config, report)
    return files


def _prepare(config: Config, report: Report, verify: bool) -> ModelFiles:
    folder = config.models_dir
    # What a killed process left; nobody else is at work here, for we hold the lock.
    for left in folder.glob(fetch.TEMPORARY + "*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for name in SHA256:
        if (folder / name).exists() and not _whole(folder / name, verify):
            report(f"{folder / name} is damaged: fetching it again")
            (folder / name).unlink()
    if not all((folder / name).exists() for name in SHA256):
        fetch.fetch(folder, config.model_source, report)
    if files := _built(config, verify):  # another process may have built it while we waited
        return files
    report("Building the encoder")
    head = HEAD if HEAD.exists() else None
    model, precision = build.build(folder, WEIGHTS, head, config.encoder_precision, report)
    with contextlib.suppress(AttributeError):  # glibc alone: it would keep the 200 MB that the building took
        ctypes.CDLL(None).malloc_trim(0)
    onnx = f"encoder-{precision}.onnx"
    fetch.store(folder / onnx, io.BytesIO(model))
    manifest = {
        "from": _origin(config),
        "precision": precision,
        "onnx": onnx,
        "bytes": len(model),
        "sha256": fetch.sha256(folder / onnx),
    }
    fetch.store(_manifest(config), io.BytesIO(json.dumps(manifest, indent=1).encode()))
    return ModelFiles(folder / onnx, folder / WEIGHTS, folder / TOKENIZER, precision, head is not None)


def _built(config: Config, verify: bool = False) -> ModelFiles | None:
    """What stands ready for this configuration; None when anything is missing, damaged or built from something else."""
    folder = config.models_dir
    try:
        manifest = json.loads(_manifest(config).read_bytes())
        onnx = folder / manifest["onnx"]
        usable = manifest["from"] == _origin(config) and _size(onnx) == manifest["bytes"]
        if usable and verify:
            usable = fetch.sha256(onnx) == manifest["sha256"]
        if usable and all(_whole(folder / name, verify) for name in SHA256):
            emotion = bool(manifest["from"]["head"])
            return ModelFiles(onnx, folder / WEIGHTS, folder / TOKENIZER, manifest["precision"], emotion)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.debug("no usable manifest in %s: %s", folder, error)
    return None


def _whole(path: Path, verify: bool) -> bool:
    return _size(path) == SIZES[path.name] and not (verify and fetch.sha256(path) != SHA256[path.name])


def _origin(config: Config) -> dict[str, Any]:
    """All that decides what the built file contains."""
    return {
        "published": SHA256,
        "graph": graph.VERSION,
        "head": fetch.sha256(HEAD) if HEAD.exists() else "",
        "setting": config.encoder_precision,
        "onnxruntime": ort.__version__,
        "machine": platform.machine(),
    }


def _manifest(config: Config) -> Path:
    return config.models_dir / f"encoder-{config.encoder_precision}.json"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


@contextlib.contextmanager
def _only_one(folder: Path, report: Report) -> Iterator[None]:
    """Held by one process at a time; the operating system lets go of it when that process ends, however it ends."""
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"Another process is filling {folder}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
