"""A short run of tests/faults: parts are killed, cut off, filled up and lied to while people talk."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import aiohttp

from tests.faults.run import run, table
from tests.support.service import Process


async def test_ten_faults_leave_every_acknowledged_turn_stored_once_and_are_recovered_from():
    report = await run(10, seed=7, people=3)
    assert report.found == [], table(report)
    assert report.whole == report.faults == 10 - len(report.skipped)


async def test_the_service_starts_its_own_postgresql_again_when_that_was_killed(home: Path):
    # So deep that the socket stands elsewhere, and has to stand there again.
    deep = home / ("deep" * 25)
    service = Process(deep, LLM_CLIENT_TYPE="disabled")
    try:
        await service.start()
        async with aiohttp.ClientSession() as session:

            async def say(text: str) -> int:
                body = {"user_id": "sam", "message": text}
                async with session.post(service.url + "/api/chat", json=body) as response:
                    await response.read()
                    return response.status

            assert await say("Before.") == 200
            postmaster = deep / "postgres/data/postmaster.pid"
            killed = int(postmaster.read_text().split()[0])
            os.kill(killed, signal.SIGKILL)
            while await say("After.") != 200:
                assert service.process
                assert service.process.returncode is None, service.log()
            assert int(postmaster.read_text().split()[0]) != killed
        assert await service.stop() == 0
    finally:
        await service.close()
