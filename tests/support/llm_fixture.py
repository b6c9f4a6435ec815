"""The fixture `llm_stub`: a model server of this test's own, on a free port of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.llm_stub import LLMStub


@pytest.fixture
async def llm_stub() -> AsyncIterator[LLMStub]:
    async with LLMStub().serving() as stub:
        yield stub
