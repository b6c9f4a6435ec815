"""Asking a model in tests, and what every failure of it must hold."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from tests.support.llm_stub import event
from whisperengine.errors import LLMError
from whisperengine.llm.client import Completion, LLMClient
from whisperengine.llm.endpoint import Endpoint

KEY = "sk-very-secret-0123456789"
MESSAGES = [
    {"role": "system", "content": "You are Elena."},
    {"role": "user", "content": "My cat is called Miso, remember?"},
]


async def ask(client: LLMClient, endpoint: Endpoint, **parameters: Any) -> Completion:
    async with client.complete(endpoint, MESSAGES, **parameters) as answer:
        pieces = [piece async for piece in answer]
    assert "".join(pieces) == answer.completion.text
    return answer.completion


async def refusal(client: LLMClient, endpoint: Endpoint, kind: type[LLMError]) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await ask(client, endpoint)
    assert type(caught.value) is kind, caught.value
    assert endpoint.host in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    return caught.value


def a_stream(*chunks: dict[str, Any] | bytes, done: bool = True) -> bytes:
    parts = [each if isinstance(each, bytes) else event(each) for each in chunks]
    return b"".join([*parts, event("[DONE]") if done else b""])
