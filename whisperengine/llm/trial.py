"""Tries an endpoint out and says in plain words what works and what to do about what does not."""

from __future__ import annotations

import time
from dataclasses import dataclass

from whisperengine.errors import LLMBadAnswer, LLMError, LLMTimeout, LLMUnauthorized, LLMUnknownModel, LLMUnreachable
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint
from whisperengine.llm.model_names import first_chat_model

QUESTION = [{"role": "user", "content": "Say in one short sentence that you can hear me."}]
MODELS_SHOWN = 500

_STEPS = {
    "llm_unreachable": "Start the server, or correct the address: it usually ends in /v1.",
    "llm_timeout": "Wait until the server has loaded the model, or raise the timeout.",
    "llm_unauthorized": "Enter a valid key of this server.",
    "llm_no_credit": "Add credit at the provider, or enter another key.",
    "llm_unknown_model": "Choose one of the models that the server lists, or load the model there.",
    "llm_rate_limited": "Wait a while, then test again.",
    "llm_bad_answer": "Correct the address: it must speak the OpenAI protocol and usually ends in /v1.",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """`latency_ms` is the time to the first piece of an answer; `model` the one that was asked."""

    reachable: bool
    authorised: bool
    models: list[str]
    streams: bool
    latency_ms: float | None
    model: str
    summary: str
    next_step: str | None


async def attempt(client: LLMClient, endpoint: Endpoint) -> Trial:
    """List the models, then have one short answer; never raises for what the endpoint does."""
    models: list[str] = []
    try:
        models = (await client.models(endpoint))[:MODELS_SHOWN]
    except LLMError as error:
        # Some servers answer and list nothing; those that cannot be reached need no second try.
        if isinstance(error, LLMUnreachable | LLMUnauthorized) or not endpoint.model:
            return _failed(error, models, endpoint.model)
    model = endpoint.model or first_chat_model(models)
    started, first, pieces = time.perf_counter(), 0.0, 0
    try:
        async with client.complete(endpoint, QUESTION, model=model) as answer:
            async for _ in answer:
                first = first or time.perf_counter()
                pieces += 1
    except LLMError as error:
        return _failed(error, models, model)
    latency = round((first - started) * 1000, 1)
    host, named = endpoint.host, answer.completion.model
    if pieces > 1:
        return Trial(True, True, models, True, latency, model, f"{named} at {host} answers and streams.", None)
    return Trial(
        True,
        True,
        models,
        False,
        latency,
        model,
        f"{named} at {host} answers, all at once.",
        "Nothing needs to be done; answers appear whole instead of word by word.",
    )


def _failed(error: LLMError, models: list[str], model: str) -> Trial:
    answered = isinstance(error, LLMUnauthorized | LLMUnknownModel | LLMBadAnswer | LLMTimeout) or bool(models)
    summary, _, rest = str(error).partition(". ")
    return Trial(
        reachable=answered or not isinstance(error, LLMUnreachable),
        authorised=bool(models) and not isinstance(error, LLMUnauthorized),
        models=models,
        streams=False,
        latency_ms=None,
        model=model,
        summary=f"{summary.rstrip('.')}.",
        next_step=_STEPS.get(error.code, rest or None),
    )
