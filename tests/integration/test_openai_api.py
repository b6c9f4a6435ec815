"""OpenAI's own Python package, unmodified, against the service."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import openai
import pytest
from openai import AsyncOpenAI

from tests.support import service as services
from tests.support.llm_stub import Behaviour, LLMStub, chunk, cut, event, refuses, says, sends
from tests.support.service import Client
from tests.support.service_fixtures import with_model

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)


@asynccontextmanager
async def sdk(client: Client, **options) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=client.url + "/v1", api_key="none", max_retries=0, **options) as found:
        yield found


@pytest.fixture
async def ai(talking: Client) -> AsyncIterator[AsyncOpenAI]:
    async with sdk(talking) as found:
        yield found


class Talk:
    """A client program that keeps its history, as all of them do."""

    def __init__(self, ai: AsyncOpenAI, user: str = "sam", **options) -> None:
        self.ai, self.user, self.options, self.history = ai, user, options, []

    async def say(self, text: str) -> str:
        self.history.append({"role": "user", "content": text})
        return await self.answer()

    async def answer(self) -> str:
        answer = await self.ai.chat.completions.create(
            model="assistant", user=self.user, messages=self.history, **self.options
        )
        text = answer.choices[0].message.content or ""
        self.history.append({"role": "assistant", "content": text})
        return text


async def stored(client: Client, user: str = "sam") -> list[str]:
    """What is kept of a person, oldest first."""
    status, page = await client.get(f"/api/users/{user}/messages")
    return [row["content"] for row in reversed(page["messages"])] if status == 200 else []


async def test_characters_are_listed_and_found_as_models(ai: AsyncOpenAI):
    models = [model async for model in ai.models.list()]
    assert "assistant" in [model.id for model in models]
    assert (await ai.models.retrieve("assistant")).owned_by == "whisperengine"
    with pytest.raises(openai.NotFoundError) as caught:
        await ai.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"


async def test_an_answer_has_the_form_and_the_usage_that_the_endpoint_reported(ai: AsyncOpenAI, llm_stub: LLMStub):
    llm_stub.will(says("One two three."))
    answer = await ai.chat.completions.create(
        model="assistant", user="sam", messages=[{"role": "user", "content": "Count."}], temperature=0.1, stop=["x"]
    )
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "One two three."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 3, 14)
    sent = llm_stub.completions[-1].body
    assert (sent["temperature"], sent["stop"]) == (0.1, ["x"])
    assert "user" not in sent


async def test_a_stream_brings_pieces_the_end_and_the_usage(ai: AsyncOpenAI, llm_stub: LLMStub):
    llm_stub.will(says("One two three."))
    stream = await ai.chat.completions.create(
        model="assistant",
        messages=[{"role": "user", "content": "Count."}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "One two three."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert len({chunk.id for chunk in chunks}) == 1


async def test_twenty_turns_over_two_clients_are_each_stored_once_and_remembered(
    talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI
):
    first = Talk(ai)
    for number in range(10):
        llm_stub.will(says(f"Answer {number}."))
        await first.say("My dog is called Biscuit." if not number else f"Message {number}.")
    async with sdk(talking) as other:
        second = Talk(other)
        for number in range(10, 20):
            llm_stub.will(says(f"Answer {number}."))
            await second.say(f"Message {number}." if number < 19 else "What is my dog called?")
    kept = await stored(talking)
    assert len(kept) == 40
    assert len(set(kept)) == 40
    assert kept[1::2] == [f"Answer {number}." for number in range(20)]
    # The second client never told of the dog: the character remembers it from the first.
    told = json.dumps(llm_stub.completions[-1].body["messages"])
    assert "Biscuit" in told
    _, channels = await talking.get("/api/users/sam/channels")
    assert len(channels["channels"]) == 2


async def test_a_client_that_cuts_off_the_beginning_stays_in_its_talk(talking: Client, llm_stub: LLMStub, ai):
    talk = Talk(ai)
    for number in range(6):
        llm_stub.will(says(f"Answer {number}."))
        await talk.say(f"Message {number}.")
        talk.history = talk.history[-2:]
    assert len(await stored(talking)) == 12
    _, channels = await talking.get("/api/users/sam/channels")
    assert len(channels["channels"]) == 1


async def test_a_regenerated_answer_replaces_the_first(talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI):
    talk = Talk(ai)
    for expected, answer in (("Hello", "Hello there."), ("How are you?", "Fine."), (None, "Splendid, thank you.")):
        llm_stub.will(says(answer))
        if expected:
            await talk.say(expected)
        else:
            talk.history.pop()
            await talk.answer()
    assert await stored(talking) == ["Hello", "Hello there.", "How are you?", "Splendid, thank you."]


async def test_an_edited_message_takes_the_place_of_the_first_and_what_followed_is_forgotten(
    talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI
):
    talk = Talk(ai)
    for text, answer in (("Hello", "Hello there."), ("My cat is Tom.", "A cat!"), ("He is black.", "Black!")):
        llm_stub.will(says(answer))
        await talk.say(text)
    talk.history = [*talk.history[:2]]
    llm_stub.will(says("A dog!"))
    await talk.say("My dog is Rex.")
    assert await stored(talking) == ["Hello", "Hello there.", "My dog is Rex.", "A dog!"]
    _, found = await talking.get("/api/users/sam/memories", params={"q": "what is my cat called"})
    assert not any("Tom" in memory["content"] for memory in found["memories"])


async def test_a_message_whose_turn_failed_is_answered_once_when_it_is_sent_again(
    talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI
):
    llm_stub.will(refuses(401), says("Here I am."))
    talk = Talk(ai)
    with pytest.raises(openai.APIStatusError) as caught:
        await talk.say("Are you there?")
    assert (caught.value.status_code, caught.value.code) == (502, "llm_unauthorized")
    assert await talk.answer() == "Here I am."
    assert await stored(talking) == ["Are you there?", "Here I am."]


async def test_a_second_talk_with_the_same_first_words_leaves_the_first_alone(
    talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI
):
    for number in range(2):
        talk = Talk(ai)
        for text in ("Hi", f"Question {number}"):
            llm_stub.will(says(f"Answer to {text} ({number})"))
            await talk.say(text)
    assert len(await stored(talking)) == 8


async def test_what_the_client_says_was_said_is_what_the_model_is_told(ai: AsyncOpenAI, llm_stub: LLMStub):
    await ai.chat.completions.create(
        model="assistant",
        messages=[
            {"role": "system", "content": "A tavern by the sea, at night."},
            {"role": "assistant", "content": "Welcome to my tavern."},
            {"role": "user", "content": "A beer, please."},
            {"role": "assistant", "content": "Here you are."},
            {"role": "user", "content": [{"type": "text", "text": "Thanks!"}]},
        ],
    )
    messages = llm_stub.completions[-1].body["messages"]
    assert "<character>" in messages[0]["content"]
    assert "<scene>\nA tavern by the sea, at night.\n</scene>" in messages[1]["content"]
    assert [message["content"] for message in messages[2:]] == [
        "Welcome to my tavern.",
        "A beer, please.",
        "Here you are.",
        "Thanks!",
    ]


@pytest.mark.parametrize(("model", "extra"), [("assistant:stateless", {}), ("assistant", {"stateless": True})])
async def test_a_stateless_talk_is_neither_kept_nor_fed_from_memory(
    talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI, model: str, extra: dict
):
    await talking.say("My dog is called Biscuit.")
    await ai.chat.completions.create(
        model=model, user="sam", messages=[{"role": "user", "content": "What is my dog called?"}], extra_body=extra
    )
    told = llm_stub.completions[-1].body["messages"]
    assert "<character>" in told[0]["content"]
    assert "Biscuit" not in json.dumps(told)
    assert len(await stored(talking)) == 2


async def test_people_are_told_apart_by_user_and_by_header_and_share_their_memory_with_the_other_routes(
    talking: Client, ai: AsyncOpenAI
):
    await Talk(ai, "ann").say("I am Ann.")
    await ai.chat.completions.create(
        model="assistant", messages=[{"role": "user", "content": "I am Bob."}], extra_headers={"X-User-Id": "bob"}
    )
    assert (await stored(talking, "ann"))[0] == "I am Ann."
    assert (await stored(talking, "bob"))[0] == "I am Bob."


async def test_a_named_conversation_needs_no_history(talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI):
    for number in range(3):
        llm_stub.will(says(f"Answer {number}"))
        await ai.chat.completions.create(
            model="assistant",
            user="sam",
            messages=[{"role": "user", "content": f"Message {number}"}],
            extra_headers={"X-Conversation-Id": "kitchen"},
        )
    assert len(await stored(talking)) == 6
    _, channels = await talking.get("/api/users/sam/channels")
    assert [channel["channel"] for channel in channels["channels"]] == ["openai:id:kitchen"]


async def test_tools_are_passed_through_and_their_results_lead_to_the_answer(
    talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI
):
    def piece(**fields) -> bytes:
        return event(chunk(tool_calls=[{"index": 0, **fields}]))

    asks: Behaviour = sends(
        piece(id="call_1", type="function", function={"name": "weather", "arguments": '{"city":'}),
        piece(function={"arguments": ' "Lisbon"}'}),
        event(chunk(finish="tool_calls")),
        event("[DONE]"),
    )
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    history: list = [{"role": "user", "content": "Is it warm in Lisbon?"}]
    for stream in (False, True):
        llm_stub.will(asks)
        asked = ai.chat.completions.create(
            model="assistant",
            user="sam",
            messages=history,
            tools=tools,
            stream=stream,  # type: ignore[call-overload]
        )
        if stream:
            calls = [c async for part in await asked for c in part.choices[0].delta.tool_calls or ()]
            message = None
        else:
            answer = await asked
            message, calls = answer.choices[0].message, answer.choices[0].message.tool_calls
            assert answer.choices[0].finish_reason == "tool_calls"
        assert (calls[0].id, calls[0].function.name) == ("call_1", "weather")
        assert json.loads(calls[0].function.arguments) == {"city": "Lisbon"}
        if message:
            called = message.model_dump(exclude_none=True)
    history += [called, {"role": "tool", "tool_call_id": "call_1", "content": "31 degrees"}]
    llm_stub.will(says("Very warm."))
    answer = await ai.chat.completions.create(model="assistant", user="sam", messages=history, tools=tools)
    assert answer.choices[0].message.content == "Very warm."
    assert llm_stub.completions[-1].body["messages"][-1]["content"] == "31 degrees"
    assert await stored(talking) == ["Is it warm in Lisbon?", "Very warm."]


async def test_a_picture_reaches_a_model_that_can_see_and_is_a_note_to_one_that_cannot(
    database: str, llm_stub: LLMStub
):
    content = [{"type": "text", "text": "Look!"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    for sees in (True, False):
        async with (
            services.running(replace(with_model(database, llm_stub.url), llm_vision=sees)) as client,
            sdk(client) as ai,
        ):
            await ai.chat.completions.create(model="assistant", messages=[{"role": "user", "content": content}])  # type: ignore[list-item]
        last = llm_stub.completions[-1].body["messages"][-1]["content"]
        if sees:
            assert last[-1] == {"type": "image_url", "image_url": {"url": PIXEL}}
        else:
            assert "cannot see" in last


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x.png",
        "https://[::1]/x.png",
        "https://localhost/x.png",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.7/x.png",
        "http://example.org/x.png",
        "file:///etc/passwd",
        "https://user@8.8.8.8/x.png",
        "data:text/html;base64,PGI+",
    ],
)
async def test_addresses_inside_a_network_are_never_passed_on_as_pictures(database: str, llm_stub: LLMStub, url: str):
    settings = replace(with_model(database, llm_stub.url), llm_vision=True, llm_image_urls=True)
    content = [{"type": "text", "text": "Look!"}, {"type": "image_url", "image_url": {"url": url}}]
    async with services.running(settings) as client, sdk(client) as ai:
        with pytest.raises(openai.BadRequestError) as caught:
            await ai.chat.completions.create(model="assistant", messages=[{"role": "user", "content": content}])  # type: ignore[list-item]
    assert caught.value.param == "messages[0].content[1].image_url.url"
    assert llm_stub.completions == []


WRONG = (
    ({"messages": "hi"}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": [7]}, "messages[0]"),
    ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "messages"),
    ({"model": 7}, "model"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"temperature": 3}, "temperature"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": 10**400}, "max_tokens"),
    ({"n": 2}, "n"),
    ({"stream": "yes"}, "stream"),
    ({"stop": [1]}, "stop[0]"),
    ({"tools": {}}, "tools"),
    ({"stateless": 1}, "stateless"),
    ({"metadata": []}, "metadata"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
)


async def test_wrong_types_are_refused_with_the_path_of_the_field_and_unknown_fields_are_ignored(talking: Client):
    right = {"model": "assistant", "messages": [{"role": "user", "content": "x"}]}
    for wrong, param in WRONG:
        status, body = await talking.post("/v1/chat/completions", {**right, **wrong})
        assert (status, body["error"]["type"]) == (400, "invalid_request_error"), (wrong, body)
        assert body["error"]["param"] == param, wrong
    assert (await talking.post("/v1/chat/completions", {**right, "logit_bias": 7, "sing": "yes"}))[0] == 200


async def test_errors_on_these_routes_have_openais_form(talking: Client, ai: AsyncOpenAI, llm_stub: LLMStub):
    with pytest.raises(openai.NotFoundError) as caught:
        await ai.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "model_not_found"
    status, body = await talking.get("/v1/nothing")
    assert (status, body["error"]["code"]) == (404, "not_found")
    _, body, headers = await talking.request("GET", "/v1/chat/completions")
    assert (body["error"]["code"], headers["Allow"]) == ("method_not_allowed", "POST")
    status, body, _ = await talking.request("POST", "/v1/chat/completions", data=b"{")
    assert (status, body["error"]["code"]) == (400, "invalid_json")
    llm_stub.will(cut())
    stream = await ai.chat.completions.create(
        model="assistant", messages=[{"role": "user", "content": "x"}], stream=True
    )
    with pytest.raises(openai.APIError, match="cut"):
        [_ async for _ in stream]


async def test_embeddings_are_the_encoders_in_both_encodings(ai: AsyncOpenAI):
    packed = await ai.embeddings.create(model="all-MiniLM-L6-v2", input=["a cat", "a kitten", "tax law"])
    vectors = [item.embedding for item in packed.data]
    assert {len(vector) for vector in vectors} == {384}
    assert math.isclose(sum(x * x for x in vectors[0]), 1.0, abs_tol=1e-3)

    def likeness(one: list[float], two: list[float]) -> float:
        return sum(a * b for a, b in zip(one, two, strict=True))

    assert likeness(vectors[0], vectors[1]) > likeness(vectors[0], vectors[2]) + 0.2
    plain = await ai.embeddings.create(model="all-MiniLM-L6-v2", input="a cat", encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(vectors[0], abs=0.02)
    assert packed.usage.total_tokens > 6


@pytest.mark.parametrize(
    "fields", [{"input": []}, {"input": ""}, {"input": [[1, 2]]}, {"input": ["x"] * 257}, {"dimensions": 7}]
)
async def test_embeddings_of_what_is_no_text_are_refused(talking: Client, fields: dict):
    status, body = await talking.post("/v1/embeddings", {"input": "x", **fields})
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


async def test_the_same_request_twice_at_once_is_one_turn(talking: Client, llm_stub: LLMStub, ai: AsyncOpenAI):
    llm_stub.will(says("Once."))
    body = {"model": "assistant", "user": "sam", "messages": [{"role": "user", "content": "Hello"}]}
    answers = await asyncio.gather(
        *(talking.post("/v1/chat/completions", body, headers={"Idempotency-Key": "one"}) for _ in range(2))
    )
    assert {answer["choices"][0]["message"]["content"] for _, answer in answers} == {"Once."}
    assert len(llm_stub.completions) == 1
