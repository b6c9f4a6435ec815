"""Texts in, embedding and emotion out: one ONNX session, its callers batched, never on the event loop.

A worker thread takes one run after the other. What waits when it is free goes into its next runs, texts of similar
length together; there is no artificial delay. Calls with many texts (a backfill) and those for which nobody waits (an
answer that was given) have a lane of their own, which moves only while no other call waits: a message is held up by one
run of theirs at most.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from whisperengine.config import Config
from whisperengine.errors import EncoderError, ModelFilesError
from whisperengine.inference.fetch import REPOSITORY
from whisperengine.inference.graph import DIMENSIONS, EMBEDDING, EMOTION
from whisperengine.inference.models import ModelFiles
from whisperengine.inference.other_model import OtherModel
from whisperengine.inference.session import feed, known_error, open_session

log = logging.getLogger(__name__)

LONGEST = 256
"""Tokens of a text that are read, as the published model does; the rest is cut."""
MOST_CHARACTERS = 8_000
"""Characters that are looked at for those tokens; the rest would only cost time."""
RUN_TOKENS = 192
"""Tokens of one run, padding included (about 30 ms on one core): more are dearer each and let others wait."""
SMALL_CALL = 8
"""Texts of a call that still counts as somebody waiting for an answer."""
INTAKE = 256
"""Texts that are tokenised at once, and among which similar lengths are sought."""
TOLERANCE = 0.02
"""Most that a number of a known embedding may be off when the encoder is opened; 8-bit weights are 0.003 off."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass says of a text.

    embedding: float32[dimensions], unit length. emotion: float32[28], probabilities in the order of the head's labels;
    empty without a head. tokens: how many were read, at most LONGEST, with the two that mark start and end.
    """

    embedding: np.ndarray
    emotion: np.ndarray
    tokens: int


@dataclass(eq=False, slots=True)
class _Call:
    texts: Sequence[str]
    answer: asyncio.Future[list[Reading]]
    readings: dict[int, Reading] = field(default_factory=dict)
    taken: int = 0


@dataclass(frozen=True, slots=True)
class _Item:
    """One text of a call, as tokens."""

    call: _Call
    index: int
    ids: list[int]


@dataclass(eq=False, slots=True)
class _Lane:
    """Calls that wait, and the texts last taken from them, longest first. Only the worker touches `items`."""

    calls: deque[_Call] = field(default_factory=deque)
    items: list[_Item] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return bool(self.items or self.calls)

    def take(self) -> list[tuple[_Call, int]]:
        """The next texts (call, index), as many as are tokenised at once."""
        found: list[tuple[_Call, int]] = []
        while self.calls and len(found) < INTAKE:
            call = self.calls[0]
            end = min(call.taken + INTAKE - len(found), len(call.texts))
            if not call.answer.done():
                found += [(call, index) for index in range(call.taken, end)]
                call.taken = end
            if call.answer.done() or end == len(call.texts):
                self.calls.popleft()
        return found

    def pop(self) -> list[_Item]:
        """The shortest texts, as many as make one run. Texts whose caller has gone are dropped."""
        run: list[_Item] = []
        while self.items and (not run or (len(run) + 1) * len(self.items[-1].ids) <= RUN_TOKENS):
            item = self.items.pop()
            if not item.call.answer.done():
                run.append(item)
        return run


class Encoder:
    """Opened once per process and shared by everybody on its event loop."""

    def __init__(
        self, session: ort.InferenceSession, tokenizer: Tokenizer, other: OtherModel | None, model_name: str
    ) -> None:
        self.model_name = model_name
        self.dimensions = other.dimensions if other else DIMENSIONS
        self._session: ort.InferenceSession | None = session
        self._tokenizer, self._other = tokenizer, other
        self._outputs = [output.name for output in session.get_outputs()]
        self._loop = asyncio.get_running_loop()
        self._small, self._large = _Lane(), _Lane()
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._worker.start()

    @classmethod
    async def open(cls, config: Config, files: ModelFiles) -> Encoder:
        """Load what `models.ensure` gave. Raises ModelFilesError when it does not compute what it should."""
        session, tokenizer, other = await asyncio.to_thread(_load, config, files)
        return cls(session, tokenizer, other, config.embedding_model if other else REPOSITORY)

    async def read(self, texts: Sequence[str], *, waited: bool = True) -> list[Reading]:
        """A reading for each text, in order. Any text has one: empty, huge (its beginning is read), malformed.

        `waited` says that somebody waits for what follows. Raises EncoderError when the model fails on them or the
        encoder has been closed.
        """
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("the encoder reads texts only")
        if not texts:
            return []
        call = _Call(tuple(texts), self._loop.create_future())
        with self._changed:
            if self._closed:
                raise EncoderError("The encoder has been closed. Restart the service.")
            (self._small if waited and len(texts) <= SMALL_CALL else self._large).calls.append(call)
            self._changed.notify()
        return await call.answer

    def token_count(self, text: str) -> int:
        """Tokens of a whole text, not cut, without start and end. Blocks: about 1 ms for 5,000 characters."""
        encoding = self._tokenizer.encode(_repaired(text), add_special_tokens=False)
        return len(encoding.ids) + sum(len(more.ids) for more in encoding.overflowing)

    async def close(self) -> None:
        """Let the run under way end; calls that still wait get an EncoderError."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        await asyncio.to_thread(self._worker.join)
        # Tens of megabytes, which would wait for the collector of cycles otherwise.
        self._session = self._other = None
        waiting = [call for lane in (self._small, self._large) for call in lane.calls]
        waiting += [item.call for lane in (self._small, self._large) for item in lane.items]
        _fail(waiting, EncoderError("The encoder was closed before the text was read. Restart the service."))

    def _work(self) -> None:
        """The worker thread: one run after the other, until the encoder is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._small.waits or self._large.waits)
                if self._closed:
                    return
                lane = self._small if self._small.waits else self._large
                taken = [] if lane.items else lane.take()
            try:
                done = self._step(lane, taken)
            except Exception as error:
                log.exception("the encoder failed on %d texts", len(taken))
                problem = EncoderError(
                    f"The texts could not be prepared for the encoder ({error}). Restart the service."
                )
                self._loop.call_soon_threadsafe(_fail, [call for call, _ in taken], problem)
            else:
                self._loop.call_soon_threadsafe(_deliver, done)

    def _step(self, lane: _Lane, taken: Sequence[tuple[_Call, int]]) -> list[tuple[_Item, Reading | EncoderError]]:
        """Tokenise what was taken, if anything, and do one run."""
        if taken:
            encodings = self._tokenizer.encode_batch_fast([_cut(call.texts[index]) for call, index in taken])
            items = [_Item(call, index, encoding.ids) for (call, index), encoding in zip(taken, encodings, strict=True)]
            lane.items = sorted(items, key=lambda item: -len(item.ids))
        run = lane.pop()
        try:
            return list(zip(run, self._run(run), strict=True)) if run else []
        except Exception:
            log.exception("a run of %d texts failed; trying each alone", len(run))
        found: list[tuple[_Item, Reading | EncoderError]] = []
        for item in run:
            try:
                found.append((item, self._run([item])[0]))
            except Exception as error:  # whose text it is shall know, and nobody else
                found.append((item, EncoderError(f"A text of {len(item.ids)} tokens could not be encoded ({error}).")))
        return found

    def _run(self, run: Sequence[_Item]) -> list[Reading]:
        embeddings, emotions = None, np.empty((len(run), 0), np.float32)
        if not self._other or EMOTION in self._outputs:
            assert self._session
            results = self._session.run(self._outputs, feed([item.ids for item in run]))
            found = dict(zip(self._outputs, map(np.asarray, results), strict=True))
            embeddings, emotions = found[EMBEDDING], found.get(EMOTION, emotions)
        if self._other:
            embeddings = self._other.embed([_cut(item.call.texts[item.index]) for item in run])
        assert embeddings is not None
        # Copies: a row that is kept must not keep its whole batch in memory.
        return [
            Reading(embedding.copy(), emotion.copy(), len(item.ids))
            for item, embedding, emotion in zip(run, embeddings, emotions, strict=True)
        ]


def _load(config: Config, files: ModelFiles) -> tuple[ort.InferenceSession, Tokenizer, OtherModel | None]:
    try:
        session = open_session(files.onnx, config.encoder_threads)
        error = known_error(session)
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as problem:  # onnxruntime and tokenizers raise bare Exceptions of their own
        raise ModelFilesError(f"{files.onnx} cannot be opened ({problem}). Run `whisperengine models`.") from problem
    if not error <= TOLERANCE:
        raise ModelFilesError(
            f"{files.onnx} gives wrong numbers on this machine (off by {error:.2g}). Run `whisperengine models`; if "
            "that does not help, set ENCODER_PRECISION=fp32."
        )
    # The published file cuts at 128 tokens and pads everything to as many.
    tokenizer.enable_truncation(LONGEST)
    tokenizer.no_padding()
    return session, tokenizer, None if config.embedding_model == REPOSITORY else OtherModel(config)


def _deliver(done: Sequence[tuple[_Item, Reading | EncoderError]]) -> None:
    for item, result in done:
        call = item.call
        if call.answer.done():
            continue
        if isinstance(result, EncoderError):
            call.answer.set_exception(result)
            continue
        call.readings[item.index] = result
        if len(call.readings) == len(call.texts):
            call.answer.set_result([call.readings[index] for index in range(len(call.texts))])


def _fail(calls: Iterable[_Call], error: EncoderError) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(error)


def _cut(text: str) -> str:
    return _repaired(text[:MOST_CHARACTERS])


def _repaired(text: str) -> str:
    """Halves of a character (surrogates) cannot be tokenised: pairs are joined, others replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
