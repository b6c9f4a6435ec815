"""A model endpoint, the same for all who are compared. It counts what it is asked and can be told to take its time.

    python stub.py

POST /delay {"seconds": 0.3} makes every request from then on take that long; GET /count says what was asked so far.
Who asks for memories gets what a perfect extractor gives: what the person said, word for word where the form of the
answer allows it, nothing of the assistant's small talk. Everyone else gets an answer of the talk. Answers differ from
one another as a model's do: equal texts have equal vectors, and among thousands of those an HNSW index finds little.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence

from aiohttp import web

CHARS_PER_TOKEN = 4
# Answers are put together from these, one part of each line. None speaks of what was told and none asks, so that none
# takes the place of evidence.
_PARTS = [
    line.split("|")
    for line in """\
I see|All right|Understood|Got it|Thank you|Okay|Of course
that helps|I had not known that|you put it well|I am glad you said it|I am listening|it makes sense|please go on
I will keep it in mind|I will remember it|I will not forget it|Tell me more|It is well kept|I have it now|Go on
There is no hurry|We have all day|I am here|I am curious|We can come back to it|I like this|Take your time
""".splitlines()
]
# The prompt of mem0's extraction.
_NEW = re.compile(r"^## New Messages\n(.*?)(?=\n\n## |\Z)", re.S | re.M)
_USER = re.compile(r"^user: (.*?)(?=^assistant: |\Z)", re.S | re.M)
# WhisperEngine's requests for facts and for summaries, and the most that it takes of each.
_CONVERSATION = '{"conversation": ['
NOTE_WORDS, NOTE_CHARS, SUMMARY_WORDS = 15, 120, 100


class Stub:
    def __init__(self) -> None:
        self.delay = 0.0
        self.requests = self.open = self.prompt_chars = self.answer_chars = 0
        self.answers_ms: list[float] = []
        self.ended = time.monotonic()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        self.open += 1
        self.requests += 1
        body = await request.json()
        messages = body["messages"]
        memories = _memories(messages[-1]["content"], bool(body.get("response_format")))
        text = _answer(len(self.answers_ms)) if memories is None else memories
        asked = sum(len(message["content"]) for message in messages)
        self.prompt_chars += asked
        self.answer_chars += len(text)
        await asyncio.sleep(self.delay)
        response = _response(text, asked, bool(body.get("stream")))
        self.open -= 1
        self.ended = time.monotonic()
        if memories is None:
            self.answers_ms.append((self.ended - began) * 1000)
        return response

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "stub", "object": "model"}]})

    async def slow(self, request: web.Request) -> web.Response:
        self.delay = (await request.json())["seconds"]
        return web.json_response({})

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "requests": self.requests,
                "prompt_tokens": self.prompt_chars / CHARS_PER_TOKEN,
                "answer_tokens": self.answer_chars / CHARS_PER_TOKEN,
                "answers_ms": self.answers_ms,
                "idle_s": 0 if self.open else time.monotonic() - self.ended,
            }
        )


def _answer(number: int) -> str:
    """One of 2,401; each part is another one than in the answer before."""
    parts, step = [], 0
    for choice in _PARTS:
        step += number
        parts.append(choice[step % len(choice)])
        number //= len(choice)
    return "{}, {}. {}. {}.".format(*parts)


def _memories(asked: str, as_json: bool) -> str | None:
    """What is worth keeping, in the form that the request wants; None for a request of the talk."""
    if asked.startswith(_CONVERSATION):
        talk = json.loads(asked)["conversation"]
        said = [(entry.get("message"), entry["text"]) for entry in talk if entry["by"] == "person"]
        return _facts(said) if as_json else " ".join(" ".join(text for _, text in said).split()[:SUMMARY_WORDS])
    if as_json:
        new = _NEW.search(asked)
        told = _USER.findall(new[1] + "\n") if new else []
        return json.dumps({"memory": [{"text": text.strip()} for text in told if text.strip()]})
    return None


def _facts(said: Sequence[tuple[int, str]]) -> str:
    notes = [(number, " ".join(text.split()[:NOTE_WORDS])[:NOTE_CHARS]) for number, text in said]
    rest = {"kind": "note", "about": "", "confidence": 0.8}
    return json.dumps({"facts": [{"message": number, "value": note, **rest} for number, note in notes]})


def _response(text: str, asked: int, stream: bool) -> web.Response:
    head = {"id": "stub", "created": 0, "model": "stub"}
    counts = {"prompt_tokens": asked // CHARS_PER_TOKEN, "completion_tokens": len(text) // CHARS_PER_TOKEN}
    usage = {**counts, "total_tokens": sum(counts.values())}
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    chunk = {**head, "object": "chat.completion.chunk"}
    events = [
        {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**chunk, "choices": [], "usage": usage},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return web.Response(text=body, content_type="text/event-stream")


async def main() -> None:
    stub = Stub()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes(
        [
            web.post("/v1/chat/completions", stub.complete),
            web.get("/v1/models", stub.models),
            web.post("/delay", stub.slow),
            web.get("/count", stub.count),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
