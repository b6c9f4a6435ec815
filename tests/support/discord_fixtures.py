"""Fixtures of the bot's tests: a strict server with a bot and two people, and a heart that notes what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.discord_bots import Reef
from tests.support.discord_heart import StubHeart
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Times(identify_gap=0.1)) as server:
        server.rest.limits["POST messages"].size = 1000
        yield server
        assert not server.breaches, server.breaches


@pytest.fixture
def reef(discord: DiscordServer) -> Reef:
    return Reef(discord)


@pytest.fixture
def heart() -> StubHeart:
    return StubHeart()
