"""A model endpoint that answers at once, the same for all who are compared; it counts what it is asked.

Asked for JSON (mem0's extraction), it hands back each new message of the person word for word: a perfect extractor.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from aiohttp import web

ANSWER = "I see. Thank you for telling me about that, I will keep it in mind."
CHARS_PER_TOKEN = 4
_NEW = re.compile(r"^## New Messages\n(.*?)(?=\n\n## |\Z)", re.S | re.M)
_SAID = re.compile(r"^user: (.*?)(?=^assistant: |\Z)", re.S | re.M)


class Stub:
    def __init__(self) -> None:
        self.requests = self.prompt_tokens = 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        told = "\n".join(message["content"] for message in body["messages"])
        self.requests += 1
        self.prompt_tokens += len(told) // CHARS_PER_TOKEN
        text = _extracted(body["messages"][-1]["content"]) if body.get("response_format") else ANSWER
        usage = {
            "prompt_tokens": len(told) // CHARS_PER_TOKEN,
            "completion_tokens": len(text) // CHARS_PER_TOKEN,
            "total_tokens": (len(told) + len(text)) // CHARS_PER_TOKEN,
        }
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            return web.json_response({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": usage})
        events = [
            {**_CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
            {**_CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**_CHUNK, "choices": [], "usage": usage},
        ]
        stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return web.Response(text=stream, content_type="text/event-stream")

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "stub", "object": "model"}]})

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests, "prompt_tokens": self.prompt_tokens})


_HEAD = {"id": "stub", "created": 0, "model": "stub"}
_CHUNK = {**_HEAD, "object": "chat.completion.chunk"}


def _extracted(prompt: str) -> str:
    new = _NEW.search(prompt)
    said = _SAID.findall(new[1] + "\n") if new else []
    return json.dumps({"memory": [{"text": text.strip()} for text in said if text.strip()]})


async def main() -> None:
    stub = Stub()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes(
        [
            web.post("/v1/chat/completions", stub.complete),
            web.get("/v1/models", stub.models),
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
