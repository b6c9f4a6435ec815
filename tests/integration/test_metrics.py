"""/metrics, /status and the log: what an operator sees, and the dashboard that reads it."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import service as services
from tests.support.llm_stub import LLMStub, cut, refuses, says
from tests.support.service import Client
from tests.support.service_fixtures import with_model
from whisperengine import logs

TEXT = {"Accept": "text/plain"}
NAME = re.compile(r"whisperengine_[a-z_]+")
SAMPLE = re.compile(r'(whisperengine_[a-z_]+)(\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? (-?[0-9.e+-]+|NaN)')


async def scraped(client: Client) -> dict[str, float]:
    """Samples by name with labels. Fails on a line that Prometheus would not read."""
    status, text = await client.get("/metrics", headers=TEXT)
    assert status == 200
    samples = {}
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            found = SAMPLE.fullmatch(line)
            assert found, line
            name = re.sub(r"_(bucket|sum|count)$", "", found[1]) if found[1] not in kinds else found[1]
            assert kinds[name] in ("gauge", "counter", "histogram")
            samples[found[1] + (found[2] or "")] = float(found[3])
    return samples


async def test_every_figure_of_a_turn_is_counted(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("Noted."))
    await talking.say("My cat is called Pepper.")
    await talking.say("What is my cat called?", context={"channel_id": "another"})
    found = await scraped(talking)
    assert found["whisperengine_turns_total"] == 2
    assert found["whisperengine_ready"] == 1
    for part in ("encode", "recall", "model", "store", "total"):
        assert found[f'whisperengine_turn_seconds_count{{part="{part}"}}'] == 2
        assert found[f'whisperengine_turn_seconds_bucket{{part="{part}",le="+Inf"}}'] == 2
        assert found[f'whisperengine_turn_seconds_sum{{part="{part}"}}'] > 0
    assert found['whisperengine_llm_tokens_total{kind="prompt"}'] > 0
    assert found['whisperengine_requests_total{status="200"}'] == 2
    assert found["whisperengine_recall_score_count"] >= 1
    assert found["whisperengine_pool_size"] == 6
    assert found["whisperengine_pool_connections"] >= found["whisperengine_pool_idle"]
    assert {f'whisperengine_jobs{{state="{state}"}}' for state in ("waiting", "running", "dead")} <= set(found)


async def test_failed_turns_are_counted_by_code_and_shown_with_what_to_do(talking: Client, llm_stub: LLMStub):
    llm_stub.will(refuses(401))
    status, body = await talking.post("/api/chat", {"user_id": "sam", "message": "Hi"})
    assert status == 502
    llm_stub.will(cut())
    await talking.stream({"user_id": "sam", "message": "Hi"})
    found = await scraped(talking)
    assert found['whisperengine_turn_errors_total{code="llm_unauthorized"}'] == 1
    _, told = await talking.get("/status")
    errors = {each["code"]: each for each in told["errors"]}
    assert errors["llm_unauthorized"]["count"] == 1
    assert errors["llm_unauthorized"]["next_step"] == body["error"]
    assert len(errors) == 2
    assert told["turns"]["errors"]["llm_unauthorized"] == 1


async def test_status_tells_versions_jobs_discord_and_where_the_time_goes(talking: Client, llm_stub: LLMStub):
    llm_stub.will(says("Noted."))
    await talking.say("Hello")
    _, told = await talking.get("/status")
    assert told["versions"]["python"]
    assert told["milliseconds"]["model"]["p50"] <= told["milliseconds"]["model"]["p95"]
    assert set(told["jobs"]) == {"waiting", "running", "dead", "oldest_seconds"}
    assert told["discord"]["enabled"] is False
    assert told["llm"]["endpoints"][0]["state"]


async def test_every_expression_of_the_dashboard_names_metrics_that_there_are(
    talking: Client, llm_stub: LLMStub, repository: Path
):
    llm_stub.will(says("Noted."))
    await talking.say("Hello")
    _, text = await talking.get("/metrics", headers=TEXT)
    there = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    histograms = set(re.findall(r"^# TYPE (\S+) histogram", text, re.MULTILINE))
    there |= {name + ending for name in histograms for ending in ("_bucket", "_sum", "_count")}
    dashboard = json.loads((repository / "docs/grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(expressions) >= 15
    for expression in expressions:
        names = NAME.findall(expression)
        assert names, expression
        assert set(names) <= there, expression
        assert expression.count("(") == expression.count(")")
    shown = {name for expression in expressions for name in NAME.findall(expression)}
    unshown = {
        name for name in there - histograms if re.sub("_(bucket|sum|count)$", "", name) not in histograms
    } - shown
    assert not unshown


async def test_the_log_names_the_request_that_the_answer_names_and_no_word_of_the_message(
    talking: Client, llm_stub: LLMStub, caplog: pytest.LogCaptureFixture
):
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(logs.Lines().format(record))  # type: ignore[method-assign]
    logging.getLogger("whisperengine").addHandler(handler)
    try:
        llm_stub.will(refuses(401))
        _, _, headers = await talking.request(
            "POST", "/api/chat", json={"user_id": "sam", "message": "xylotomy\nERROR forged"}
        )
    finally:
        logging.getLogger("whisperengine").removeHandler(handler)
    mine = [line for line in seen if f"[{headers['X-Request-Id']}]" in line]
    assert any("POST /api/chat failed: llm_unauthorized" in line for line in mine)
    assert not any("xylotomy" in line or line.startswith("ERROR forged") for line in seen)


async def test_a_slow_turn_is_logged_with_its_parts(database: str, llm_stub: LLMStub, caplog: pytest.LogCaptureFixture):
    llm_stub.will(says("Noted."))
    async with services.running(replace(with_model(database, llm_stub.url), slow_turn_ms=1)) as client:
        await client.say("Hello")
    assert re.search(r"slow turn: \d+ ms \(.*encode \d+.*model \d+.*store \d+", caplog.text)
