"""Every way in which a model server refuses has its own error, and none shows a secret."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.support.llm_asking import KEY, MESSAGES, refusal
from tests.support.llm_stub import (
    CONTEXT_TOO_LONG,
    MODEL,
    LLMStub,
    error_body,
    event,
    rate_limited,
    refuses,
    says,
    sends,
    web_page,
)
from whisperengine.errors import (
    LLMBadAnswer,
    LLMContentFiltered,
    LLMContextTooLong,
    LLMUnauthorized,
    LLMUnknownModel,
    LLMUnreachable,
)
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint


@pytest.fixture
async def client() -> AsyncIterator[LLMClient]:
    async with LLMClient(backoff=0.001) as client:
        yield client


@pytest.fixture
def endpoint(llm_stub: LLMStub) -> Endpoint:
    return Endpoint(llm_stub.url, MODEL, KEY, timeout=30)


@pytest.mark.parametrize(
    ("behaviour", "kind", "step"),
    [
        (refuses(401, error_body(f"Incorrect API key provided: {KEY}.")), LLMUnauthorized, "LLM_CHAT_API_KEY"),
        (refuses(403, error_body("Forbidden")), LLMUnauthorized, "LLM_CHAT_API_KEY"),
        (
            refuses(400, [error_body("API key not valid. Please pass a valid API key.")]),
            LLMUnauthorized,
            "LLM_CHAT_API_KEY",
        ),
        (refuses(402, error_body("Insufficient credits")), LLMUnauthorized, "credit"),
        (refuses(429, error_body("You exceeded your current quota", "insufficient_quota")), LLMUnauthorized, "credit"),
        (
            refuses(404, error_body('model "stub-model" not found, try pulling it first')),
            LLMUnknownModel,
            "LLM_CHAT_MODEL",
        ),
        (refuses(400, error_body("foo/bar is not a valid model ID")), LLMUnknownModel, "LLM_CHAT_MODEL"),
        (refuses(404, error_body("No models loaded. Please load a model.")), LLMUnknownModel, "LLM_CHAT_MODEL"),
        (refuses(404, "404 page not found"), LLMBadAnswer, "/v1"),
        (refuses(200, {"error": "Unexpected endpoint or method. (POST /x)"}), LLMBadAnswer, "/v1"),
        (refuses(400, CONTEXT_TOO_LONG), LLMContextTooLong, "LLM_CONTEXT_TOKENS"),
        (
            refuses(500, {"error": {"code": 500, "message": "no", "type": "exceed_context_size_error", "n_ctx": 256}}),
            LLMContextTooLong,
            "LLM_CONTEXT_TOKENS",
        ),
        (
            sends(
                b"event: error\n"
                + event({"error": {"message": "Trying to keep the first 9 tokens when context the overflows."}})
            ),
            LLMContextTooLong,
            "LLM_CONTEXT_TOKENS",
        ),
        (
            sends(event({"error_type": "invalid", "error_message": "maximum context length is 163840 tokens"})),
            LLMContextTooLong,
            "LLM_CONTEXT_TOKENS",
        ),
        (refuses(413, "Request Entity Too Large"), LLMContextTooLong, "LLM_CONTEXT_TOKENS"),
        (
            refuses(400, error_body("blocked by content management policy", "content_filter")),
            LLMContentFiltered,
            "other words",
        ),
        (refuses(403, error_body("Your input was flagged")), LLMContentFiltered, "other words"),
        (refuses(308, "", {"Location": "http://127.0.0.1:9/v1"}), LLMBadAnswer, "final address"),
        (web_page(), LLMBadAnswer, "web page"),
        (refuses(200, "Hello from nginx"), LLMBadAnswer, "form of a chat completion"),
        (refuses(200, {"answer": 42}), LLMBadAnswer, "form of a chat completion"),
        (refuses(200, ""), LLMBadAnswer, "empty"),
        (says(""), LLMBadAnswer, "LLM_CONTEXT_TOKENS"),
        (says("", reasoning="Let me think about that"), LLMBadAnswer, "LLM_MAX_TOKENS_CHAT"),
        (says("<think> and think and"), LLMBadAnswer, "LLM_MAX_TOKENS_CHAT"),
        (sends(b"data: " + b"x" * (2 << 20)), LLMBadAnswer, "larger"),
        (sends(event('{"choices": [')), LLMBadAnswer, "JSON"),
        (sends(b"[" * 100_000), LLMBadAnswer, "JSON"),
        (sends(b'{"a":"' + b"x" * (5 << 20)), LLMBadAnswer, "larger"),
        (refuses(418, "I am a teapot"), LLMBadAnswer, "teapot"),
    ],
)
async def test_every_refusal_has_its_own_error_with_the_next_step(client, endpoint, llm_stub, behaviour, kind, step):
    llm_stub.will(behaviour)
    error = await refusal(client, replace(endpoint, retries=0), kind)
    assert step in str(error)
    assert error.partial == ""


async def test_nobody_listening_is_unreachable_and_names_the_way_out(client, endpoint, unused_tcp_port):
    gone = replace(endpoint, url=f"http://127.0.0.1:{unused_tcp_port}/v1", retries=1)
    assert "LLM_CHAT_API_URL" in str(await refusal(client, gone, LLMUnreachable))


async def test_a_host_name_that_does_not_exist_is_unreachable(client, endpoint):
    await refusal(client, replace(endpoint, url="http://nobody.invalid/v1", retries=0), LLMUnreachable)


@pytest.mark.parametrize(
    "change",
    [
        {"url": f"http://me:{KEY}@[::1/v1"},
        {"url": f"http://me:{KEY}@/v1"},
        {"url": "not a url"},
        {"api_key": f"{KEY}\r\nX-Evil: 1"},
    ],
)
async def test_an_address_or_key_that_cannot_be_sent_is_an_error_of_ours(client, endpoint, change):
    await refusal(client, replace(endpoint, retries=0, **change), LLMUnreachable)


async def test_a_password_in_the_address_never_shows(client, endpoint, unused_tcp_port):
    hidden = replace(endpoint, url=f"http://me:{KEY}@127.0.0.1:{unused_tcp_port}/v1", api_key="", retries=0)
    await refusal(client, hidden, LLMUnreachable)


async def test_neither_key_nor_words_reach_log_or_error(client, endpoint, llm_stub, caplog):
    said = MESSAGES[1]["content"]
    detail = f"[{{'type': 'extra_forbidden', 'input': '{said}', 'key': '{KEY}'}}]"
    llm_stub.will(refuses(500, error_body(detail)), rate_limited("0"), refuses(422, {"detail": [{"input": said}]}))
    with caplog.at_level(logging.DEBUG):
        error = await refusal(client, endpoint, LLMBadAnswer)
    for text in (str(error), repr(error), caplog.text, repr(endpoint)):
        assert KEY not in text
        assert "Miso" not in text
    assert "attempt 2" in caplog.text


async def test_an_endpoint_that_repeats_the_key_is_not_quoted(client, endpoint, llm_stub):
    llm_stub.will(refuses(500, error_body(f"no route for {KEY}")))
    assert "it says" not in str(await refusal(client, replace(endpoint, retries=0), LLMUnreachable))
