"""Falling back to the next endpoint, with real model servers on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.support import service as services
from tests.support.llm_asking import KEY, MESSAGES
from tests.support.llm_stub import LLMStub, cut, error_body, refuses, says
from whisperengine import endpoints
from whisperengine.errors import LLMContentFiltered, LLMError, LLMUnreachable
from whisperengine.llm.addresses import Resolver
from whisperengine.llm.breaker import FAILURES, State
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint
from whisperengine.llm.fallback import Asked, Fallback

FAILS = refuses(500, error_body("The server had an error", None, "server_error"))


@pytest.fixture
async def second_stub() -> AsyncIterator[LLMStub]:
    async with LLMStub().serving() as stub:
        stub.will(says("The second."))
        yield stub


@pytest.fixture
async def fallback() -> AsyncIterator[Fallback]:
    async with LLMClient(backoff=0.01) as client:
        yield Fallback(client)


def both(*stubs: LLMStub) -> list[Endpoint]:
    return [Endpoint(stub.url, "stub-model", timeout=5, retries=1) for stub in stubs]


async def said(asked: Asked) -> str:
    async with aclosing(asked):
        return "".join([piece async for piece in asked])


async def ask(fallback: Fallback, found: list[Endpoint]) -> str:
    return await said(fallback.ask(found, MESSAGES, {}))


@pytest.mark.parametrize(
    "failure",
    [
        FAILS,
        refuses(401, error_body("Incorrect API key provided.", "invalid_api_key")),
        refuses(404, error_body("The model does not exist", "model_not_found")),
        refuses(429, error_body("Rate limit", "rate_limit_exceeded")),
        refuses(400, error_body("maximum context length is 10 tokens", "context_length_exceeded")),
    ],
)
async def test_the_next_endpoint_answers_when_one_fails(
    fallback: Fallback, llm_stub: LLMStub, second_stub: LLMStub, failure
):
    llm_stub.will(failure)
    asked = fallback.ask(both(llm_stub, second_stub), MESSAGES, {})
    assert await said(asked) == "The second."
    assert asked.endpoint.url == second_stub.url
    assert len(llm_stub.completions) == 1


async def test_nothing_is_said_twice_when_the_first_token_was_out(
    fallback: Fallback, llm_stub: LLMStub, second_stub: LLMStub
):
    llm_stub.will(cut("Half of it"))
    with pytest.raises(LLMUnreachable) as caught:
        await ask(fallback, both(llm_stub, second_stub))
    assert caught.value.partial.startswith("Half")
    assert not second_stub.completions


async def test_what_one_refuses_to_say_is_not_asked_of_another(
    fallback: Fallback, llm_stub: LLMStub, second_stub: LLMStub
):
    llm_stub.will(refuses(400, error_body("flagged by our content policy", "content_filter")))
    with pytest.raises(LLMContentFiltered):
        await ask(fallback, both(llm_stub, second_stub))
    assert not second_stub.completions


async def test_one_that_keeps_failing_is_left_alone_then_tried_with_one_request(
    fallback: Fallback, llm_stub: LLMStub, second_stub: LLMStub
):
    found = both(llm_stub, second_stub)
    breaker = fallback.breaker(found[0])
    now = 0.0
    breaker._clock = lambda: now
    llm_stub.will(FAILS)
    for _ in range(FAILURES + 2):
        await ask(fallback, found)
    assert (breaker.state, len(llm_stub.completions)) == (State.OPEN, FAILURES)
    assert fallback.first_usable(found) is found[1]

    now += breaker.retry_in or 0.0
    gate, arrived = asyncio.Event(), asyncio.Event()

    async def held(request: web.Request, body: object) -> web.StreamResponse:
        arrived.set()
        await gate.wait()
        return await says("The first again.")(request, body)

    llm_stub.will(held)
    trial = asyncio.create_task(ask(fallback, found))
    async with asyncio.timeout(20):
        await arrived.wait()
    assert await ask(fallback, found) == "The second."
    gate.set()
    assert await trial == "The first again."
    assert breaker.state is State.CLOSED


async def test_when_all_are_left_alone_one_is_tried_all_the_same(fallback: Fallback, llm_stub: LLMStub):
    found = both(llm_stub)
    llm_stub.will(FAILS)
    for _ in range(FAILURES):
        with pytest.raises(LLMError):
            await ask(fallback, found)
    assert fallback.breaker(found[0]).state is State.OPEN
    llm_stub.will(says("Back."))
    assert await ask(fallback, found) == "Back."
    assert fallback.breaker(found[0]).state is State.CLOSED


async def test_a_listener_who_goes_away_says_nothing_about_the_endpoint(fallback: Fallback, llm_stub: LLMStub):
    found = both(llm_stub)
    asked = fallback.ask(found, MESSAGES, {})
    async with aclosing(asked):
        async for _ in asked:
            break
    assert (fallback.breaker(found[0]).failures, fallback.breaker(found[0]).state) == (0, State.CLOSED)


async def test_a_persons_message_is_kept_once_and_answered_once_whoever_answers(
    database: str, llm_stub: LLMStub, second_stub: LLMStub
):
    llm_stub.will(FAILS)
    settings = replace(
        services.test_config(database_url=database),
        llm_client_type="local",
        llm_url=llm_stub.url,
        llm_model="stub-model",
        llm_endpoints=(endpoints.OtherEndpoint(second_stub.url, model="stub-model"),),
    )
    async with services.running(settings) as client:
        for number in range(FAILURES + 1):
            assert (await client.say(f"Number {number}"))["response"] == "The second."
        _, page = await client.get("/api/users/sam/messages")
        _, status = await client.get("/status")
    said = [message["content"] for message in page["messages"]]
    assert sorted(said) == sorted([*(f"Number {n}" for n in range(FAILURES + 1)), *["The second."] * (FAILURES + 1)])
    states = [(each["state"], each["last_error"]) for each in status["llm"]["endpoints"]]
    assert states == [("open", "llm_unreachable"), ("closed", None)]


class Names(AbstractResolver):
    """A name server of the test's own: each look-up takes the next address."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        address = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        found = ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
        return [found]

    async def close(self) -> None:
        return None


async def test_a_name_that_later_leads_to_a_metadata_address_is_not_connected_to(llm_stub: LLMStub):
    port = llm_stub.url.rpartition(":")[2].removesuffix("/v1")
    resolver = Resolver(Names("127.0.0.1", "169.254.169.254"))
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session, LLMClient(session) as client:
        endpoint = Endpoint(f"http://model.example:{port}/v1", retries=0, timeout=5)
        assert await client.models(endpoint)
        with pytest.raises(LLMUnreachable, match="metadata addresses are not allowed"):
            await client.models(endpoint)


async def test_every_client_of_ours_looks_names_up_with_that_resolver():
    async with LLMClient() as client:
        with pytest.raises(LLMUnreachable, match="metadata addresses are not allowed"):
            await client.models(Endpoint("http://169.254.169.254/v1", timeout=5, retries=0))
        session = client._transport._session
        assert session is not None
        connector = session.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        assert isinstance(connector._resolver, Resolver)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_neither_key_nor_words_follow_a_redirect(llm_stub: LLMStub, second_stub: LLMStub, status: int):
    for target in (f"{second_stub.url}/chat/completions", "http://169.254.169.254/latest/meta-data"):
        llm_stub.will(refuses(status, "", {"Location": target}))
        async with LLMClient() as client:
            endpoint = Endpoint(llm_stub.url, "stub-model", KEY, timeout=5, retries=0)
            with pytest.raises(LLMError, match="redirects to another address"):
                async with client.complete(endpoint, MESSAGES) as answer:
                    assert [piece async for piece in answer] == []
    assert not second_stub.requests
