"""Which error an endpoint's refusal is: told apart by status and body, each naming the host and the next step."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from whisperengine.errors import (
    LLMBadAnswer,
    LLMContentFiltered,
    LLMContextTooLong,
    LLMError,
    LLMRateLimited,
    LLMTimeout,
    LLMUnauthorized,
    LLMUnknownModel,
    LLMUnreachable,
)
from whisperengine.llm.endpoint import Endpoint

# The wording of OpenAI, OpenRouter, Anthropic, Gemini, Mistral, vLLM, llama.cpp, LM Studio and Ollama: few send codes.
_CONTEXT = re.compile(
    r"context[ _](length|size|window)|maximum context|context the overflows|(prompt|input) is too long"
    r"|reduce the length|too many (input )?tokens|maximum (input )?(length|token)",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[ _-]?(management[ _])?(filter|policy)|moderation|flagged|prohibited[ _]content"
    r"|safety (system|filter|polic)",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(api[ _-]?key|credentials?|(access|bearer) token)[^.]{0,40}(not valid|invalid|incorrect|missing|expired|required)"
    r"|(invalid|incorrect|no|missing)[ _](api[ _-]?key|auth|credentials)",
    re.IGNORECASE,
)
_CREDIT = re.compile(r"insufficient[ _](quota|credits?|balance|funds)|exceeded your current quota", re.IGNORECASE)
_MODEL = re.compile(
    r"model[^.]{0,120}(not[ _](found|exist|supported|loaded|available)|does not exist|not a valid|unknown|no access)"
    r"|(unknown|invalid|no such|not a valid)[ _]model|no models? (is )?loaded|no endpoints found",
    re.IGNORECASE,
)
# LM Studio says this with status 200.
_NO_ROUTE = re.compile(r"unexpected endpoint", re.IGNORECASE)
_QUOTED = 200
_WINDOW = 16


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, given as seconds or as an HTTP date; None when absent or nonsense."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


class Failures:
    """Makes the errors of one request: knows the endpoint to name, and the key and the words that must never show."""

    def __init__(self, endpoint: Endpoint, messages: Sequence[Mapping[str, Any]] = ()) -> None:
        self._endpoint = endpoint
        self._messages = messages
        self.host = endpoint.host

    def unreachable(self, reason: str) -> LLMUnreachable:
        return LLMUnreachable(
            f"The language model at {self.host} cannot be reached: {reason}. Start it, or correct LLM_CHAT_API_URL; "
            "`whisperengine doctor` checks it."
        )

    def broken(self, reason: str) -> LLMUnreachable:
        return LLMUnreachable(f"The language model at {self.host} broke off: {reason}. Send the message again.")

    def timeout(self, waited: str) -> LLMTimeout:
        return LLMTimeout(
            f"The language model at {self.host} {waited}. Send the message again, raise LLM_REQUEST_TIMEOUT, or take a "
            "faster model."
        )

    def bad(self, reason: str, step: str = "Check that LLM_CHAT_API_URL speaks the OpenAI protocol.") -> LLMBadAnswer:
        return LLMBadAnswer(f"The language model at {self.host} gave no usable answer: {reason}. {step}")

    def empty(self, thinking: bool) -> LLMBadAnswer:
        if thinking:
            return self.bad("all of it is reasoning", "Raise LLM_MAX_TOKENS_CHAT or take another model.")
        return self.bad(
            "it is empty",
            "Send the message again; if it stays so, lower LLM_CONTEXT_TOKENS: some servers fall silent when full.",
        )

    def filtered(self) -> LLMContentFiltered:
        return LLMContentFiltered(
            f"The language model at {self.host} refused the content. Say it in other words, or configure another model."
        )

    def unknown_model(self, model: str, quote: str = "") -> LLMUnknownModel:
        what = f"does not know the model {model!r}" if model else "lists no chat model"
        return LLMUnknownModel(
            f"The language model server at {self.host} {what}{quote}. Set LLM_CHAT_MODEL to a model that it lists, or "
            "load it there (Ollama: `ollama pull NAME`)."
        )

    def refused(self, status: int, body: Any, *, model: str = "", wait: float | None = None) -> LLMError:
        """The error for an answer that is none.

        `status` is the HTTP status, or 500 for an error inside a stream that names none; `body` the decoded JSON or the
        text; `wait` what `Retry-After` asked for, in seconds. Only LLMUnreachable and LLMRateLimited are worth another
        attempt.
        """
        detail, codes = _words(body)
        said = f"{codes} {detail}"
        quote = self._quote(detail)
        answered = f"The language model at {self.host}"
        if status == 402 or _CREDIT.search(said):
            return LLMUnauthorized(
                f"The account at {self.host} has no credit left. Add credit, or set LLM_CHAT_API_KEY to another key.",
                code="llm_no_credit",
            )
        if status == 429 or "rate_limit" in codes:
            asked = "for a moment" if wait is None else f"{math.ceil(wait)} s"
            return LLMRateLimited(f"{answered} asks to wait {asked}. Try again later.", retry_after=wait)
        if status == 413 or _CONTEXT.search(said):
            return LLMContextTooLong(
                f"{answered} cannot take a prompt of this length{quote}. Lower LLM_CONTEXT_TOKENS or "
                "LLM_MAX_TOKENS_CHAT, or load the model with a larger context."
            )
        if "model_not_found" in codes or (status < 500 and _MODEL.search(said)):
            return self.unknown_model(model, quote)
        if status < 500 and _FILTERED.search(said):
            return self.filtered()
        if status in (401, 403) or (status < 500 and _KEY.search(said)):
            # What the endpoint says here may show a part of the key, so it is not quoted.
            which = "refused the key" if self._endpoint.api_key else "asks for a key"
            return LLMUnauthorized(f"{answered} {which}. Set LLM_CHAT_API_KEY to a valid one.")
        if status == 404 or _NO_ROUTE.search(said):
            return self.bad("there is no chat at this address", "LLM_CHAT_API_URL usually ends in /v1.")
        if status >= 500 or status == 408:
            return LLMUnreachable(
                f"{answered} failed{_phrase(status)}{quote}. Send the message again; the server's log says why.",
                retry_after=wait,
            )
        if 300 <= status < 400:
            return self.bad("it redirects to another address", "Set LLM_CHAT_API_URL to the final address.")
        return self.bad(f"it refused the request{_phrase(status)}{quote}", "Check the LLM_ settings.")

    def _quote(self, detail: str) -> str:
        """The endpoint's own words, unless they repeat a part of the conversation or hold the key."""
        if not detail or detail.lstrip().startswith("<"):
            return ""
        if self._endpoint.api_key and self._endpoint.api_key in detail:
            return ""
        printable = "".join(letter if letter.isprintable() else " " for letter in detail[: 2 * _QUOTED])
        text = " ".join(printable.split())[:_QUOTED]
        if self._repeats_conversation(text):
            return ""
        return f" (it says: {text.rstrip('. ')})"

    def _repeats_conversation(self, text: str) -> bool:
        # Errors are logged and shown to whoever called, and validators like to quote the input that they refuse.
        conversation = json.dumps(self._messages, ensure_ascii=False, default=str)
        starts = range(max(1, len(text) - _WINDOW + 1))
        contents = (message.get("content") for message in self._messages)
        return any(text[start : start + _WINDOW] in conversation for start in starts) or any(
            isinstance(content, str) and 2 < len(content) < _WINDOW and content in text for content in contents
        )


def _phrase(status: int) -> str:
    try:
        return f" ({status} {HTTPStatus(status).phrase})"
    except ValueError:
        return f" ({status})"


def _words(body: Any) -> tuple[str, str]:
    """What a body says went wrong, and its codes: {"error": {…}}, {"error": "…"}, {"detail": …}, [{…}], or text."""
    if isinstance(body, list):
        body = body[0] if body else ""
    if not isinstance(body, Mapping):
        return str(body or ""), ""
    inner = body.get("error")
    source = inner if isinstance(inner, Mapping) else body
    codes = " ".join(str(source[name]) for name in ("code", "type", "error_type") if isinstance(source.get(name), str))
    candidates = (source.get("message"), source.get("error_message"), inner, body.get("detail"), body.get("message"))
    detail = next((said for said in candidates if said), "")
    return detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False, default=str), codes
