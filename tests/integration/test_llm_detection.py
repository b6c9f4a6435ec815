"""A model server on this machine is found without any configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.llm_stub import MODEL, unanswered_port
from whisperengine.llm.client import LLMClient
from whisperengine.llm.detect import LocalServer, local_servers, usable_server


@pytest.fixture
async def client() -> AsyncIterator[LLMClient]:
    async with LLMClient() as client:
        yield client


async def test_a_local_server_is_found_with_its_first_chat_model(client, llm_stub, unused_tcp_port):
    candidates = [("Ollama", f"http://127.0.0.1:{unused_tcp_port}/v1"), ("LM Studio", llm_stub.url)]
    found = await usable_server(client, candidates, timeout=10)
    assert found == LocalServer("LM Studio", llm_stub.url, MODEL, ("text-embedding-stub", MODEL))
    assert "Authorization" not in llm_stub.requests[0].headers


async def test_a_server_without_chat_models_is_listed_but_not_used(client, llm_stub):
    llm_stub.models = ["all-minilm:latest"]
    (found,) = await local_servers(client, [("Ollama", llm_stub.url)], timeout=10)
    assert found.model == ""
    assert await usable_server(client, [("Ollama", llm_stub.url)], timeout=10) is None


async def test_something_else_on_the_port_is_not_taken_for_a_model_server(client, llm_stub):
    elsewhere = llm_stub.url.removesuffix("/v1") + "/_stub"
    with unanswered_port() as port:
        candidates = [("llama.cpp", elsewhere), ("LM Studio", f"http://127.0.0.1:{port}/v1")]
        assert await local_servers(client, candidates) == []
