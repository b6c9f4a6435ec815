"""What turns used and cost, by day, character and person."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.support import service as services
from tests.support.llm_stub import LLMStub, says
from tests.support.service import Client
from tests.support.service_fixtures import with_model

NOTHING = {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0}


async def usage(client: Client) -> dict:
    status, body = await client.get("/api/usage?days=1")
    assert status == 200
    return body


async def test_tokens_and_cost_add_up_over_replicas(database: str, llm_stub: LLMStub):
    llm_stub.will(says("One two three four."))
    priced = replace(with_model(database, llm_stub.url), llm_price_prompt=1_000_000.0, llm_price_completion=100_000.0)
    async with services.running(priced) as one, services.running(priced) as other:
        await one.say("Hello", user="ann")
        await other.say("Hello again", user="ann")
        await other.say("Hello", user="bob")
        found = await usage(one)
    total = {"turns": 3, "prompt_tokens": 33, "completion_tokens": 12, "cost": 3 * (11 + 0.4), "learning": NOTHING}
    assert [{**day, "day": ""} for day in found["days"]] == [{**total, "day": ""}]
    assert found["by_character"] == [{**total, "character": "assistant"}]
    people = [(each["user_id"], each["turns"], each["prompt_tokens"], each["cost"]) for each in found["by_person"]]
    assert people == [("ann", 2, 22, 22.8), ("bob", 1, 11, 11.4)]


async def test_what_learning_asks_for_is_counted_beside_the_answers(database: str, llm_stub: LLMStub):
    llm_stub.will(says("One two three four."))
    priced = replace(with_model(database, llm_stub.url), llm_price_prompt=1_000_000.0, llm_price_completion=100_000.0)
    async with services.running(priced) as service:
        # Eight turns are learned from at once.
        for turn in range(8):
            await service.say(f"Hello {turn}", user="ann")
        async with asyncio.timeout(60):
            while not (found := await usage(service))["by_person"][0]["learning"]["requests"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    learning = {"requests": 1, "prompt_tokens": 11, "completion_tokens": 4, "cost": 11.4}
    for rows in found["days"], found["by_character"], found["by_person"]:
        assert [row["learning"] for row in rows] == [learning]
        assert (rows[0]["turns"], rows[0]["prompt_tokens"]) == (8, 88)


async def test_without_prices_and_without_a_model_turns_are_counted_all_the_same(offline: Client):
    await offline.say("Hello")
    found = await usage(offline)
    assert (found["days"][0]["turns"], found["days"][0]["prompt_tokens"], found["days"][0]["cost"]) == (1, 0, 0.0)


async def test_an_answer_that_was_given_before_is_not_counted_again(talking: Client):
    for _ in range(2):
        body = {"user_id": "sam", "message": "Hi"}
        await talking.request("POST", "/api/chat", json=body, headers={"Idempotency-Key": "k"})
    found = await usage(talking)
    assert (found["days"][0]["turns"], found["days"][0]["prompt_tokens"]) == (1, 11)


async def test_whoever_is_erased_is_counted_no_more(talking: Client):
    await talking.say("Hello")
    await talking.request("DELETE", "/api/users/sam")
    assert (await usage(talking))["days"] == []
