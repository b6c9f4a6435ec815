"""The optional full-size emotion model: an int8 ONNX RoBERTa made by `scripts/export_emotion_onnx.py`, run off the
event loop.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from whisperengine.errors import EncoderError, ModelFilesError

FOLDER = "emotion-roberta"
"""Its place in MODEL_CACHE_DIR."""
FILES = ("model.onnx", "config.json", "tokenizer.json")
_USER = re.compile(r"(?<!\w)@\w+")
_LINK = re.compile(r"https?://\S+")


def is_present(folder: Path) -> bool:
    """Whether `folder` holds all files of an exported model."""
    return all((folder / name).is_file() for name in FILES)


class RobertaEmotion:
    """One session with one worker thread: callers wait in line instead of fighting for the same cores."""

    def __init__(self, session: ort.InferenceSession, tokenizer: Tokenizer, labels: tuple[str, ...], pad: int) -> None:
        self.labels = labels
        self._session = session
        self._tokenizer = tokenizer
        self._pad = pad
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="roberta")

    @classmethod
    def open(cls, folder: Path, threads: int = 1) -> RobertaEmotion:
        """Load an exported model (about half a second: call it in a thread). Raises ModelFilesError when it is missing
        or damaged.
        """
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
            labels = tuple(str(config["id2label"][str(i)]).lower() for i in range(len(config["id2label"])))
            pad, longest = int(config["pad_token_id"]), int(config["max_position_embeddings"])
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.enable_truncation(longest - pad - 1)
            session = ort.InferenceSession(
                str(folder / "model.onnx"), _options(threads), providers=["CPUExecutionProvider"]
            )
        # tokenizers and onnxruntime raise bare Exception subclasses of their own for a file they cannot read.
        except Exception as error:
            raise ModelFilesError(
                f"The emotion model in {folder} cannot be opened ({error}). Export it again with "
                "scripts/export_emotion_onnx.py, or set EMOTION_MODEL=head."
            ) from error
        found = session.get_outputs()[0].shape[-1]
        if found != len(labels):
            raise ModelFilesError(
                f"The emotion model in {folder} has {found} outputs and {len(labels)} labels. Export it again with "
                "scripts/export_emotion_onnx.py, or set EMOTION_MODEL=head."
            )
        return cls(session, tokenizer, labels, pad)

    async def read(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """For each text the probability (0..1) of each of the model's own labels. Raises EncoderError."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, self.scores, texts)

    def scores(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """What `read` gives, in the calling thread."""
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch([clean(text) for text in texts])]
        found: list[dict[str, float]] = []
        try:
            for ids in rows:
                # One text a run: int8 scales are taken over the whole input, neighbours would change the result.
                feed: dict[str, Any] = {"input_ids": np.array([ids], np.int64)}
                feed["attention_mask"] = np.ones_like(feed["input_ids"])
                logits = np.asarray(self._session.run(["logits"], feed)[0], np.float64)[0]
                found.append(dict(zip(self.labels, (1 / (1 + np.exp(-logits))).tolist(), strict=True)))
        except Exception as error:
            raise EncoderError(
                f"The emotion model failed on a text ({error}). Restart the service, or set EMOTION_MODEL=head."
            ) from error
        return found

    def close(self) -> None:
        """Wait for the running text and stop the worker."""
        self._worker.shutdown()


def clean(text: str) -> str:
    """Handles and links as the tweets of the model's training had them."""
    return _LINK.sub("http", _USER.sub("@user", text))


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
