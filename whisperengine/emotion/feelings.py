"""Who reads feelings: the head in the encoder's own pass, or the full RoBERTa where its files are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from whisperengine.config import Config
from whisperengine.emotion.classifier import EmotionReading, from_outside, interpret
from whisperengine.errors import ModelFilesError
from whisperengine.inference import roberta
from whisperengine.inference.encoder import Reading
from whisperengine.inference.roberta import RobertaEmotion


class Feelings:
    """Turns readings of the encoder into feelings. One per process."""

    def __init__(self, full: RobertaEmotion | None = None) -> None:
        self._full = full

    @classmethod
    async def open(cls, config: Config) -> Feelings:
        """As EMOTION_MODEL says. Raises ModelFilesError when the full model is asked for and not there."""
        folder = config.models_dir / roberta.FOLDER
        if config.emotion_model == "head" or (config.emotion_model == "auto" and not roberta.is_present(folder)):
            return cls()
        if not roberta.is_present(folder):
            raise ModelFilesError(
                f"EMOTION_MODEL=roberta, but {folder} holds no exported model. Export one with "
                "scripts/export_emotion_onnx.py, or set EMOTION_MODEL=auto."
            )
        return cls(await asyncio.to_thread(RobertaEmotion.open, folder, config.encoder_threads))

    @property
    def source(self) -> str:
        return "roberta" if self._full else "head"

    async def read(self, texts: Sequence[str], readings: Sequence[Reading]) -> list[EmotionReading]:
        """The feeling of each text, in order; `readings` are the encoder's of the same texts."""
        if self._full is None:
            return [interpret(reading.emotion, text) for text, reading in zip(texts, readings, strict=True)]
        scores = await self._full.read(texts)
        return [from_outside(score, text, "roberta") for text, score in zip(texts, scores, strict=True)]

    async def close(self) -> None:
        if self._full:
            await asyncio.to_thread(self._full.close)
