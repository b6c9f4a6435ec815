"""Turns the body of a response into the answer's text, be it a stream of events or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from whisperengine.llm.answer_text import AnswerText
from whisperengine.llm.failures import Failures
from whisperengine.llm.sse import Event, EventParser, EventTooLarge

MAX_ANSWER_CHARS = 200_000
MAX_DOCUMENT_BYTES = 4 << 20
MAX_TOOL_CALLS = 128


class Reception:
    """Takes the body in pieces; gives text as soon as it may be shown. Does no I/O.

    The first byte decides the form, not the Content-Type, which small servers get wrong: `{` and `[` begin a JSON
    document, `<` a web page, everything else is read as server-sent events.
    """

    def __init__(self, failures: Failures, model: str, tools: bool) -> None:
        """`tools`: some were offered. A call of tools that nobody offered is no answer, and nobody could take it."""
        self._failures = failures
        self._tools = tools
        self._asked = model
        self._parser = EventParser()
        self._document: bytearray | None = None
        self._text = AnswerText(MAX_ANSWER_CHARS)
        self._begun = self._spoken = self._reasoned = False
        self.ended = False
        self.model = model
        self.finish_reason = ""
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.tool_calls: list[dict[str, Any]] = []

    @property
    def text(self) -> str:
        return self._text.text

    @property
    def over(self) -> bool:
        """Nothing that follows in the body matters."""
        return self.ended or self._text.full

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Pieces of text in `chunk`, one for each event. Raises LLMError for a reported error and a broken protocol."""
        if not self._begun:
            chunk = chunk.lstrip()
            if not chunk:
                return
            self._begun = True
            if chunk.startswith(b"<"):
                raise self._failures.bad("it is a web page")
            if chunk.startswith((b"{", b"[")):
                self._document = bytearray()
        if self._document is not None:
            self._document += chunk
            if len(self._document) > MAX_DOCUMENT_BYTES:
                raise self._failures.bad(f"it is larger than {MAX_DOCUMENT_BYTES} bytes")
            return
        try:
            events = self._parser.feed(chunk)
        except EventTooLarge as error:
            raise self._failures.bad(str(error)) from error
        yield from self._take(events)

    def close(self) -> Iterator[str]:
        """The text that the end of the body sets free. Raises LLMError when what came is no whole answer."""
        if self._document is not None:
            yield from self._absorb("", self._document.decode("utf-8", "replace"))
            self.ended = True
        else:
            yield from self._take(self._parser.close())
        if rest := self._text.close():
            yield rest
        if self._text.full:
            self.finish_reason = "length"
        elif self.finish_reason == "content_filter":
            raise self._failures.filtered()
        elif self.finish_reason == "error":
            raise self._failures.broken("it reported an error in the middle of the answer")
        elif self._begun and not self._spoken:
            raise self._failures.bad("it is not in the form of a chat completion")
        elif self._begun and not self.ended and not self.finish_reason:
            raise self._failures.broken("the stream ended in the middle of the answer")
        if not self.text and not self.tool_calls:
            raise self._failures.empty(self._reasoned or self._text.thinking)

    def _take(self, events: list[Event]) -> Iterator[str]:
        for event in events:
            data = event.data.strip()
            if data == "[DONE]":
                self.ended = True
            elif data and not self.over:
                yield from self._absorb(event.name, data)

    def _absorb(self, name: str, data: str) -> Iterator[str]:
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._failures.bad("it is not valid JSON") from error
        if isinstance(chunk, list) and chunk:
            # Gemini wraps what goes wrong in a list of one.
            chunk = chunk[0]
        if not isinstance(chunk, dict):
            raise self._failures.bad("it is not in the form of a chat completion")
        if name == "error" or chunk.get("error") or chunk.get("error_message"):
            raise self._failures.refused(_status(chunk), chunk, model=self._asked)
        self._note(chunk)
        if text := self._text.feed(self._content(chunk)):
            yield text

    def _note(self, chunk: dict[str, Any]) -> None:
        model, usage = chunk.get("model"), chunk.get("usage")
        if isinstance(model, str) and model:
            self.model = model
        if isinstance(usage, dict):
            self.prompt_tokens = _count(usage.get("prompt_tokens"), self.prompt_tokens)
            self.completion_tokens = _count(usage.get("completion_tokens"), self.completion_tokens)

    def _content(self, chunk: dict[str, Any]) -> str:
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ""
        self._spoken = True
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = choice["finish_reason"]
        message = choice.get("delta") or choice.get("message")
        if not isinstance(message, dict):
            return ""
        calls = message.get("tool_calls")
        if self._tools and isinstance(calls, list):
            for piece in calls:
                self._add_call(piece)
        # DeepSeek and llama.cpp call it reasoning_content; OpenRouter, Ollama and vLLM reasoning.
        self._reasoned = self._reasoned or bool(message.get("reasoning_content") or message.get("reasoning"))
        content = message.get("content")
        if isinstance(content, list):
            # Mistral's reasoning models send parts, of which only those of type text are the answer.
            parts = (part for part in content if isinstance(part, dict) and part.get("type") == "text")
            content = "".join(str(part.get("text") or "") for part in parts)
        return content if isinstance(content, str) else ""

    def _add_call(self, piece: Any) -> None:
        """Streams send a call's name first and its arguments in pieces; a document sends it whole, without an index."""
        if not isinstance(piece, dict) or len(self.tool_calls) >= MAX_TOOL_CALLS:
            return
        index = piece.get("index", len(self.tool_calls))
        if not isinstance(index, int) or not 0 <= index < len(self.tool_calls):
            function = {"name": "", "arguments": ""}
            self.tool_calls.append({"id": "", "type": "function", "function": function})
            index = -1
        call, sent = self.tool_calls[index], piece.get("function")
        call["id"] = call["id"] or str(piece.get("id") or "")
        if isinstance(sent, dict):
            call["function"]["name"] += str(sent.get("name") or "")
            call["function"]["arguments"] += str(sent.get("arguments") or "")
            if len(call["function"]["arguments"]) > MAX_ANSWER_CHARS:
                raise self._failures.bad(f"the arguments of a tool call pass {MAX_ANSWER_CHARS} characters")


def _status(chunk: dict[str, Any]) -> int:
    error = chunk.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _count(value: Any, known: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else known
