"""The client against a real HTTP server: answers in every dialect, other attempts, time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.support.llm_asking import KEY, MESSAGES, a_stream, ask, refusal
from tests.support.llm_stub import (
    MODEL,
    LLMStub,
    chunk,
    cut,
    document,
    endless,
    error_body,
    event,
    instant,
    rate_limited,
    refuses,
    says,
    sends,
    silent,
    unanswered_port,
    usage_chunk,
)
from whisperengine.errors import (
    LLMBadAnswer,
    LLMContentFiltered,
    LLMRateLimited,
    LLMTimeout,
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


# ── answers ──


async def test_an_answer_comes_token_by_token_and_whole(client, endpoint, llm_stub):
    llm_stub.will(says("Of course I remember Miso."))
    async with client.complete(endpoint, MESSAGES) as answer:
        pieces = [piece async for piece in answer]
    assert pieces == ["Of", " course", " I", " remember", " Miso."]
    got = answer.completion
    assert (got.text, got.finish_reason, got.model) == ("Of course I remember Miso.", "stop", MODEL)
    assert (got.prompt_tokens, got.completion_tokens, got.attempts) == (11, 5, 1)
    assert 0 < got.first_token_ms <= got.total_ms


async def test_the_request_is_what_the_protocol_asks_for(client, endpoint, llm_stub):
    await ask(client, endpoint, top_p=0.9, max_tokens=None)
    (sent,) = llm_stub.completions
    assert sent.body == {
        "model": MODEL,
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.7,
        "top_p": 0.9,
    }
    assert sent.headers["Authorization"] == f"Bearer {KEY}"


async def test_no_key_sends_no_authorization(client, endpoint, llm_stub):
    await ask(client, replace(endpoint, api_key=""))
    assert "Authorization" not in llm_stub.completions[0].headers


async def test_the_first_token_is_there_before_the_last_is_sent(client, endpoint, llm_stub):
    llm_stub.will(sends(event(chunk("Hello")), 3600.0))
    async with client.complete(endpoint, MESSAGES) as answer:
        assert await anext(aiter(answer)) == "Hello"


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(a_stream(chunk("Hello"), chunk(" you"), chunk(finish="stop")), id="as OpenAI sends it"),
        pytest.param(a_stream(chunk("Hello"), chunk(" you")), id="no finish reason"),
        pytest.param(a_stream(chunk("Hello"), chunk(" you", finish="stop"), done=False), id="no [DONE]"),
        pytest.param(event(chunk("Hello")) + event(chunk(" you", finish="stop"), end=""), id="no last blank line"),
        pytest.param(a_stream(b": OPENROUTER PROCESSING\n\n", chunk("Hello"), chunk(" you")), id="comments"),
        pytest.param(a_stream(chunk("Hello"), chunk(" you")).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(a_stream(chunk(None, role="assistant"), chunk("\n\nHello"), chunk(" you \n")), id="white space"),
        pytest.param(a_stream(chunk("Hello"), usage_chunk(1, 2), chunk(" you")), id="usage in the middle"),
        pytest.param(a_stream(chunk(reasoning_content="Hm."), chunk("Hello you")), id="reasoning_content"),
        pytest.param(a_stream(chunk("<th"), chunk("ink>Hm. </th"), chunk("ink>\nHello"), chunk(" you")), id="think"),
        pytest.param(a_stream(chunk("Hel\0lo"), chunk(" you")), id="NUL"),
        pytest.param(
            a_stream({**chunk(), "choices": None}, {**chunk(), "choices": [None]}, chunk("Hello you")), id="odd"
        ),
        pytest.param(
            a_stream(chunk(content=[{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hello you"}])),
            id="parts",
        ),
    ],
)
async def test_every_dialect_gives_the_same_answer(client, endpoint, llm_stub, stream):
    llm_stub.will(sends(stream))
    assert (await ask(client, endpoint)).text == "Hello you"


async def test_an_endpoint_that_does_not_stream_is_accepted(client, endpoint, llm_stub):
    llm_stub.will(document("<think>Easy.</think>Hello you"))
    got = await ask(client, endpoint)
    assert (got.text, got.prompt_tokens) == ("Hello you", 11)


async def test_surrogate_halves_of_two_tokens_become_one_character(client, endpoint, llm_stub):
    llm_stub.will(sends(a_stream(chunk("Hi \ud83d"), chunk("\ude00!"), chunk(" \ud83d"))))
    assert (await ask(client, endpoint)).text == "Hi 😀!"


async def test_bytes_that_are_no_utf8_do_not_break_an_answer(client, endpoint, llm_stub):
    llm_stub.will(sends(a_stream(event(chunk("caf#")).replace(b"#", b"\xe9"))))
    assert (await ask(client, endpoint)).text == "caf\ufffd"


async def test_an_answer_cut_by_the_token_limit_says_so(client, endpoint, llm_stub):
    llm_stub.will(says("Once upon a", finish="length"))
    assert (await ask(client, endpoint)).finish_reason == "length"


async def test_an_answer_without_end_is_cut_at_the_limit_and_its_request_closed(client, endpoint, llm_stub):
    llm_stub.will(endless(" word" * 50))
    got = await ask(client, endpoint)
    assert len(got.text) == 200_000
    assert got.finish_reason == "length"
    await llm_stub.until_finished(1)


async def test_a_server_that_stays_silent_after_the_last_word_is_not_waited_for(client, endpoint, llm_stub):
    llm_stub.will(sends(event(chunk("Hello")), event(chunk(finish="stop")), 3600.0))
    assert (await ask(client, endpoint)).text == "Hello"


async def test_without_a_model_name_the_first_chat_model_is_asked_for_once(client, endpoint, llm_stub):
    unnamed = replace(endpoint, model="")
    assert (await ask(client, unnamed)).model == MODEL
    await ask(client, unnamed)
    assert [request.path for request in llm_stub.requests].count("/v1/models") == 1
    assert {request.body["model"] for request in llm_stub.completions} == {MODEL}


async def test_a_server_without_a_chat_model_is_told_apart(client, endpoint, llm_stub):
    llm_stub.models = ["nomic-embed-text:latest"]
    assert "ollama pull" in str(await refusal(client, replace(endpoint, model=""), LLMUnknownModel))


async def test_all_models_are_listed(client, endpoint, llm_stub):
    assert await client.models(endpoint) == llm_stub.models
    llm_stub.models = []
    assert await client.models(endpoint) == []


async def test_a_query_string_and_a_pasted_path_stay_usable(client, endpoint, llm_stub):
    await ask(client, replace(endpoint, url=f"{llm_stub.url}/chat/completions?api-version=1"))
    assert [request.path for request in llm_stub.requests] == ["/v1/chat/completions?api-version=1"]


# ── parameters that an endpoint does not know ──


def knows_no(name: str, status: int = 400, hint: str = ""):
    async def behave(request, body):
        if name in body:
            answer = refuses(status, error_body(f"Unsupported parameter: '{name}'. {hint}"))
        else:
            answer = says("Hello")
        return await answer(request, body)

    return behave


@pytest.mark.parametrize(("name", "status"), [("stream_options", 400), ("stream_options", 422), ("temperature", 400)])
async def test_a_refused_parameter_is_left_out_and_that_is_remembered(client, endpoint, llm_stub, name, status):
    llm_stub.will(knows_no(name, status))
    assert (await ask(client, endpoint)).attempts == 1
    await ask(client, endpoint)
    assert [name in request.body for request in llm_stub.completions] == [True, False, False]


async def test_max_tokens_gives_way_to_its_new_name(client, endpoint, llm_stub):
    llm_stub.will(knows_no("max_tokens", hint="Use 'max_completion_tokens' instead."))
    await ask(client, endpoint)
    assert llm_stub.completions[-1].body["max_completion_tokens"] == 1024
    assert "max_tokens" not in llm_stub.completions[-1].body


async def test_a_request_that_stays_refused_ends(client, endpoint, llm_stub):
    llm_stub.will(refuses(400, error_body("temperature, max_tokens and stream_options are all wrong")))
    assert "all wrong" in str(await refusal(client, endpoint, LLMBadAnswer))
    assert len(llm_stub.completions) == 4
    llm_stub.will(says())
    await ask(client, endpoint)
    assert "temperature" in llm_stub.completions[-1].body, "what did not help is not remembered"


# ── another attempt ──


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(rate_limited("0"), id="429 with Retry-After"),
        pytest.param(
            rate_limited(format_datetime(datetime.now(UTC) - timedelta(minutes=1), usegmt=True)), id="429, date"
        ),
        pytest.param(rate_limited(), id="429"),
        pytest.param(refuses(500, error_body("oops")), id="500"),
        pytest.param(refuses(503, {"error": {"message": "Loading model", "code": 503}}), id="llama.cpp loads"),
        pytest.param(refuses(529, error_body("Overloaded", None, "overloaded_error")), id="529"),
        pytest.param(sends(cut=True), id="cut before the first token"),
        pytest.param(
            sends(event({"error": {"code": 502, "message": "Provider returned error"}})), id="error in stream"
        ),
    ],
)
async def test_what_passes_is_tried_again_before_the_first_token(client, endpoint, llm_stub, failure):
    llm_stub.will(failure, failure, says("Here I am."))
    got = await ask(client, endpoint)
    assert (got.text, got.attempts) == ("Here I am.", 3)


async def test_attempts_are_counted(client, endpoint, llm_stub):
    llm_stub.will(refuses(500))
    await refusal(client, replace(endpoint, retries=2), LLMUnreachable)
    assert len(llm_stub.completions) == 3


async def test_a_pause_longer_than_anyone_waits_is_reported_instead(client, endpoint, llm_stub):
    llm_stub.will(rate_limited("600"))
    error = await refusal(client, replace(endpoint, timeout=3600), LLMRateLimited)
    assert (error.retry_after, len(llm_stub.completions)) == (600, 1)


async def test_a_pause_that_does_not_fit_the_time_left_is_reported_instead(client, endpoint, llm_stub):
    llm_stub.will(rate_limited("20"))
    await refusal(client, replace(endpoint, timeout=10), LLMRateLimited)
    assert len(llm_stub.completions) == 1


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (cut("This is only the"), LLMUnreachable),
        (sends(event(chunk("This is only the"))), LLMUnreachable),
        (sends(event(chunk("This is only the")), event({"error": {"message": "Provider died"}})), LLMUnreachable),
        (sends(event(chunk("This is only the")), event('{"choices": [')), LLMBadAnswer),
        (sends(event(chunk("This is only the")), b"data: " + b"x" * (2 << 20)), LLMBadAnswer),
        (sends(event(chunk("This is only the")), event(chunk(finish="content_filter"))), LLMContentFiltered),
        (sends(event(chunk("This is only the")), event(chunk(finish="error"))), LLMUnreachable),
    ],
    ids=["cut", "ended", "error in stream", "bad JSON", "huge line", "content filter", "finish error"],
)
async def test_after_the_first_token_nothing_is_repeated_and_what_came_is_kept(
    client, endpoint, llm_stub, behaviour, kind
):
    llm_stub.will(behaviour, says("Never asked for."))
    error = await refusal(client, endpoint, kind)
    assert error.partial == "This is only the"
    assert len(llm_stub.completions) == 1


# ── time ──


async def test_a_connection_that_is_not_taken_is_given_up(client, endpoint):
    with unanswered_port() as port:
        hanging = replace(endpoint, url=f"http://127.0.0.1:{port}/v1", connect_timeout=0.1, retries=1)
        assert "no connection within 0.1 s" in str(await refusal(client, hanging, LLMUnreachable))


async def test_a_server_that_never_answers_is_given_up(client, endpoint, llm_stub):
    llm_stub.will(silent)
    await refusal(client, replace(endpoint, timeout=1.0), LLMTimeout)
    await llm_stub.until_finished(1)


async def test_an_answer_that_takes_too_long_is_given_up_with_what_had_come(client, endpoint, llm_stub):
    llm_stub.will(sends(event(chunk("Well")), 3600.0))
    error = await refusal(client, replace(endpoint, timeout=2.0), LLMTimeout)
    assert (error.partial, len(llm_stub.completions)) == ("Well", 1)


async def test_silence_in_the_middle_of_an_answer_is_given_up_before_the_whole_time(client, endpoint, llm_stub):
    llm_stub.will(sends(event(chunk("Well")), 3600.0))
    error = await refusal(client, replace(endpoint, idle_timeout=0.2), LLMTimeout)
    assert "silent" in str(error)


async def test_waiting_for_the_first_token_is_no_silence(client, endpoint, llm_stub):
    llm_stub.will(sends(b": loading\n\n", 0.4, a_stream(chunk("Hello"))))
    assert (await ask(client, replace(endpoint, idle_timeout=0.1))).text == "Hello"


async def test_a_cancelled_caller_closes_the_request_at_once(client, endpoint, llm_stub):
    llm_stub.will(sends(event(chunk("Well")), 3600.0))
    begun = asyncio.Event()

    async def caller() -> None:
        async with client.complete(endpoint, MESSAGES) as answer:
            async for _ in answer:
                begun.set()

    task = asyncio.create_task(caller())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await llm_stub.until_finished(1)


async def test_leaving_the_context_early_closes_the_request(client, endpoint, llm_stub):
    llm_stub.will(endless())
    async with client.complete(endpoint, MESSAGES) as answer:
        async for _ in answer:
            break
    await llm_stub.until_finished(1)
    with pytest.raises(RuntimeError):
        _ = answer.completion


@pytest.mark.parametrize("behaviour", [says(), document(), instant(), sends(a_stream(chunk("Hello")), 0.02)])
async def test_a_connection_serves_one_answer_after_the_other(client, endpoint, llm_stub, behaviour):
    llm_stub.will(behaviour)
    for _ in range(3):
        await ask(client, endpoint)
    assert len({request.connection for request in llm_stub.completions}) == 1


async def test_many_answers_are_under_way_at_the_same_time(client, endpoint, llm_stub):
    everyone = asyncio.Barrier(150)

    async def together(request, body):
        await everyone.wait()
        return await says("Hello you")(request, body)

    llm_stub.will(together)
    answers = await asyncio.gather(*(ask(client, endpoint) for _ in range(150)))
    assert {answer.text for answer in answers} == {"Hello you"}
