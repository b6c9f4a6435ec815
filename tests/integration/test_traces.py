"""Spans as a receiver of OTLP/HTTP gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import service as services
from tests.support.llm_stub import LLMStub, refuses, says
from tests.support.service_fixtures import with_model

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Receiver:
    """Takes spans in, as a collector does."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[ExportTraceServiceRequest] = []

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(content_type="application/x-protobuf")

    @property
    def spans(self) -> list:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", found.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def test_a_turn_is_a_span_with_its_parts_inside_the_callers_trace(
    database: str, llm_stub: LLMStub, receiver: Receiver
):
    llm_stub.will(says("Noted."), refuses(401))
    settings = replace(with_model(database, llm_stub.url), otel_endpoint=receiver.url)
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    async with services.running(settings) as client:
        body = {"user_id": "sam", "message": "My secret is xylotomy."}
        _, _, answer = await client.request("POST", "/api/chat", json=body, headers=headers)
        await client.post("/api/chat", body)
    # The end of the service has sent what was left.
    failed, turn = sorted((span for span in receiver.spans if span.name == "turn"), key=lambda span: -span.status.code)
    parts = [span for span in receiver.spans if span.parent_span_id == turn.span_id]
    assert turn.trace_id.hex() == TRACE
    assert {"encode", "recall", "model", "store"} <= {span.name for span in parts}
    assert all(span.trace_id == turn.trace_id for span in parts)
    assert min(span.start_time_unix_nano for span in parts) == turn.start_time_unix_nano
    known = {each.key: each.value for each in turn.attributes}
    assert known["whisperengine.request"].string_value == answer["X-Request-Id"]
    assert known["whisperengine.model"].string_value == "stub-model"
    assert failed.status.code == 2
    assert failed.trace_id != turn.trace_id
    assert "xylotomy" not in str(receiver.requests)
    resource = {
        each.key: each.value.string_value for each in receiver.requests[0].resource_spans[0].resource.attributes
    }
    assert resource["service.name"] == "whisperengine"


async def test_a_receiver_that_is_away_keeps_nobody_from_being_answered(database: str, llm_stub: LLMStub):
    llm_stub.will(says("Noted."))
    settings = replace(with_model(database, llm_stub.url), otel_endpoint="http://127.0.0.1:1")
    async with services.running(settings) as client:
        assert (await client.say("Hello"))["response"] == "Noted."
