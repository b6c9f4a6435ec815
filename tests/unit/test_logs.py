import asyncio
import io
import json
import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage
from hypothesis import given
from hypothesis import strategies as st

from whisperengine import logs

SECRET = "my sister is ill"


def written(formatter: logging.Formatter, message: str, *args, error: BaseException | None = None) -> str:
    record = logging.LogRecord("test", logging.WARNING, __file__, 1, message, args, None)
    record.exc_info = (type(error), error, error.__traceback__) if error else None
    return formatter.format(record)


@given(st.text(st.characters()))
def test_nothing_that_is_logged_can_begin_a_line_of_its_own(text: str):
    assert len(written(logs.Lines(), "came: %s", text).splitlines()) == 1
    assert len(written(logs.JSONLines(), "came: %s", text).splitlines()) == 1
    assert json.loads(written(logs.JSONLines(), "came: %s", text))["message"] == f"came: {text}"


@pytest.mark.parametrize("formatter", [logs.Lines(), logs.JSONLines()])
def test_of_an_exception_kind_code_and_place_are_written_but_never_its_words(formatter: logging.Formatter):
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(f"failed on {SECRET}\n2026-01-01 forged line") from error
    except RuntimeError as error:
        text = written(formatter, "failed", error=error)
    assert SECRET not in text
    assert "forged" not in text
    assert "RuntimeError" in text
    assert "caused by ValueError" in text
    assert "test_logs.py:" in text


def test_a_line_names_the_request_that_it_belongs_to():
    async def answer(id: str) -> str:
        logs.REQUEST.set(id)
        await asyncio.sleep(0)
        return written(logs.Lines(), "x"), json.loads(written(logs.JSONLines(), "x"))["request"]

    async def both():
        return await asyncio.gather(answer("one"), answer("two"))

    (first, first_id), (second, second_id) = asyncio.run(both())
    assert first.endswith("x [one]")
    assert second.endswith("x [two]")
    assert (first_id, second_id) == ("one", "two")
    assert "request" not in json.loads(written(logs.JSONLines(), "x"))


def test_senders_of_what_is_no_http_fill_no_log(monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    root.handlers[:] = []
    try:
        logs.configure("info", "text")
        try:
            raise BadHttpMessage("no http")
        except BadHttpMessage:
            logging.getLogger("aiohttp.server").exception("Error handling request")
        logging.getLogger("x").info("seen")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert "seen" in stream.getvalue()
    assert "Error handling" not in stream.getvalue()
