"""Jobs: taken once, kept by a heartbeat, taken up again, tried again, set aside."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import asyncpg
import pytest

from whisperengine.db import jobs
from whisperengine.db.pool import open_pool
from whisperengine.errors import WhisperEngineError
from whisperengine.learning import worker as workers
from whisperengine.learning.worker import Worker

KINDS = ("work", "play")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database, 8)
    try:
        yield pool
    finally:
        await pool.close()


async def lose(pool: asyncpg.Pool) -> None:
    """Make every heartbeat an old one, as if the workers had been killed a while ago."""
    await pool.execute("update jobs set beat_at = beat_at - $1::interval", jobs.LOST_AFTER)


async def now_due(pool: asyncpg.Pool) -> None:
    await pool.execute("update jobs set run_at = now()")


async def test_a_job_is_taken_by_one_worker(pool: asyncpg.Pool):
    for user_id in range(40):
        await jobs.add(pool, "work", user_id)
    taken = await asyncio.gather(*(jobs.claim(pool, f"worker {n}", KINDS, 7) for n in range(8)))
    assert all(len(some) <= 7 for some in taken)
    ids = [job.job_id for some in taken for job in some]
    assert len(ids) == len(set(ids)) == 40


async def test_a_job_waits_for_its_time(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1, delay=timedelta(hours=1))
    assert await jobs.claim(pool, "a", KINDS, 5) == []
    await jobs.add(pool, "work", 1, payload={"turns": 8})
    (job,) = await jobs.claim(pool, "a", KINDS, 5)
    assert job.payload == {"turns": 8}


async def test_a_worker_takes_only_kinds_that_it_knows(pool: asyncpg.Pool):
    await jobs.add(pool, "newer")
    assert await jobs.claim(pool, "a", KINDS, 5) == []
    assert (await jobs.queue(pool)).waiting == 1


async def test_the_same_work_waits_until_the_one_that_runs_has_ended(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1, 2)
    (job,) = await jobs.claim(pool, "a", KINDS, 5)
    await jobs.add(pool, "work", 1, 2)
    await jobs.add(pool, "work", 1, 3)
    assert [other.character_id for other in await jobs.claim(pool, "b", KINDS, 5)] == [3]
    assert await jobs.finish(pool, "a", job)
    assert [other.character_id for other in await jobs.claim(pool, "b", KINDS, 5)] == [2]


async def test_a_lost_workers_job_is_taken_up_and_the_lost_one_cannot_finish_it(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1)
    (job,) = await jobs.claim(pool, "a", KINDS, 5)
    assert await jobs.claim(pool, "b", KINDS, 5) == []
    await lose(pool)
    (again,) = await jobs.claim(pool, "b", KINDS, 5)
    assert (again.job_id, again.attempts) == (job.job_id, 2)
    assert not await jobs.finish(pool, "a", job)
    assert await jobs.beat(pool, "a", [job]) == set()
    assert await jobs.beat(pool, "b", [again]) == {job.job_id}
    assert await jobs.finish(pool, "b", again)


async def test_a_heartbeat_keeps_a_job(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1)
    (job,) = await jobs.claim(pool, "a", KINDS, 5)
    await lose(pool)
    assert await jobs.beat(pool, "a", [job]) == {job.job_id}
    assert await jobs.claim(pool, "b", KINDS, 5) == []


async def test_a_failed_job_is_tried_again_ever_later_and_then_set_aside(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1)
    pauses = []
    for attempt in range(1, jobs.ATTEMPTS + 1):
        (job,) = await jobs.claim(pool, "a", KINDS, 5)
        assert job.attempts == attempt
        assert await jobs.fail(pool, "a", job, "llm_timeout") == (attempt == jobs.ATTEMPTS)
        row = await pool.fetchrow("select run_at - now() as pause, error from jobs")
        assert row["error"] == "llm_timeout"
        if attempt < jobs.ATTEMPTS:
            pauses.append(row["pause"])
            assert await jobs.claim(pool, "a", KINDS, 5) == []
            await now_due(pool)
    assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses))
    assert await jobs.claim(pool, "a", KINDS, 5) == []
    assert (await jobs.queue(pool)).dead == 1


async def test_a_job_that_ends_its_workers_is_set_aside_too(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1)
    for _ in range(jobs.ATTEMPTS):
        assert await jobs.claim(pool, "a", KINDS, 5)
        await lose(pool)
    assert await jobs.claim(pool, "a", KINDS, 5) == []
    assert (await jobs.queue(pool)).dead == 1


async def set_aside(pool: asyncpg.Pool, user_id: int = 1) -> None:
    await jobs.add(pool, "work", user_id)
    for _ in range(jobs.ATTEMPTS):
        await now_due(pool)
        (job,) = await jobs.claim(pool, "a", KINDS, 5)
        await jobs.fail(pool, "a", job, "broken")


async def test_of_the_same_work_one_is_set_aside_and_success_takes_it_away(pool: asyncpg.Pool):
    await set_aside(pool)
    await set_aside(pool)
    await set_aside(pool, user_id=2)
    assert (await jobs.queue(pool)).dead == 2
    await jobs.add(pool, "work", 1)
    (job,) = await jobs.claim(pool, "a", KINDS, 5)
    assert await jobs.finish(pool, "a", job)
    assert (await jobs.queue(pool)).dead == 1


async def test_what_was_set_aside_can_be_revived(pool: asyncpg.Pool):
    await set_aside(pool)
    await set_aside(pool, user_id=2)
    await jobs.add(pool, "work", 2)
    assert await jobs.revive(pool) == 1
    taken = await jobs.claim(pool, "a", KINDS, 5)
    assert sorted((job.user_id, job.attempts) for job in taken) == [(1, 1), (2, 1)]


async def test_handing_back_is_no_failed_attempt_and_doubles_nothing(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1)
    await jobs.add(pool, "work", 2)
    assert len(await jobs.claim(pool, "a", KINDS, 5)) == 2
    await jobs.add(pool, "work", 2)
    await jobs.hand_back(pool, "a")
    taken = await jobs.claim(pool, "b", KINDS, 5)
    assert sorted((job.user_id, job.attempts) for job in taken) == [(1, 1), (2, 1)]


async def test_a_failed_job_gives_way_to_the_same_work_queued_anew(pool: asyncpg.Pool):
    await jobs.add(pool, "work", 1)
    (job,) = await jobs.claim(pool, "a", KINDS, 5)
    await jobs.add(pool, "work", 1)
    assert not await jobs.fail(pool, "a", job, "broken")
    (waiting,) = await jobs.claim(pool, "a", KINDS, 5)
    assert waiting.job_id != job.job_id


# The worker


async def test_a_notification_wakes_the_worker(pool: asyncpg.Pool, database: str, monkeypatch: pytest.MonkeyPatch):
    # With an hour between looks, only a notification can bring the job to the worker in time.
    monkeypatch.setattr(workers, "POLL_SECONDS", 3600.0)
    ran: asyncio.Queue[int] = asyncio.Queue()

    async def work(job: jobs.Job) -> None:
        await ran.put(job.user_id)

    worker = Worker(pool, database, {"work": work})
    worker.start()
    try:
        await until(pool, "select exists (select from pg_stat_activity where query ilike 'listen%')")
        await jobs.add(pool, "work", 1)
        assert await asyncio.wait_for(ran.get(), 20) == 1
    finally:
        await worker.close()


async def test_the_worker_holds_no_connection_of_the_pool_while_it_waits(database: str):
    pool = await open_pool(database, 1)
    worker = Worker(pool, database, {})
    worker.start()
    try:
        await until(pool, "select exists (select from pg_stat_activity where query ilike 'listen%')")
    finally:
        await worker.close()
        await pool.close()


async def test_closing_hands_back_what_is_not_finished(pool: asyncpg.Pool, database: str):
    begun = asyncio.Event()

    async def work(job: jobs.Job) -> None:
        begun.set()
        await asyncio.Event().wait()

    worker = Worker(pool, database, {"work": work})
    worker.start()
    await jobs.add(pool, "work", 1)
    await asyncio.wait_for(begun.wait(), 20)
    await worker.close()
    (job,) = await jobs.claim(pool, "other", KINDS, 5)
    assert job.attempts == 1


async def test_a_worker_that_lost_its_job_stops_working_on_it(
    pool: asyncpg.Pool, database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "BEAT", timedelta(milliseconds=50))
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work(job: jobs.Job) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    worker = Worker(pool, database, {"work": work})
    worker.start()
    try:
        await jobs.add(pool, "work", 1)
        await asyncio.wait_for(begun.wait(), 20)
        await pool.execute("update jobs set locked_by = 'another'")
        await asyncio.wait_for(ended.wait(), 20)
        assert await pool.fetchval("select locked_by from jobs") == "another"
    finally:
        await worker.close()


async def test_a_failing_handler_is_reported_without_anybodys_words(
    pool: asyncpg.Pool, database: str, caplog: pytest.LogCaptureFixture
):
    async def work(job: jobs.Job) -> None:
        raise ValueError(job.payload["said"])

    async def play(job: jobs.Job) -> None:
        raise WhisperEngineError(job.payload["said"], code="storage_error")

    worker = Worker(pool, database, {"work": work, "play": play})
    worker.start()
    try:
        for kind in KINDS:
            await jobs.add(pool, kind, 1, payload={"said": "my secret word is xylophonist"})
        await until(pool, "select count(*) = 2 from jobs where error is not null")
    finally:
        await worker.close()
    errors = {row["kind"]: row["error"] for row in await pool.fetch("select kind, error from jobs")}
    assert errors == {"work": "ValueError", "play": "storage_error"}
    assert "xylophonist" not in caplog.text


_WORKER = """
import asyncio, sys
from whisperengine.db import jobs
from whisperengine.db.pool import open_pool
from whisperengine.learning.worker import Worker

async def main(dsn, hangs):
    pool = await open_pool(dsn, 3)
    async def work(job):
        await pool.execute("insert into done values ($1, $2)", job.user_id, worker.name)
        if hangs:
            await asyncio.Event().wait()
    worker = Worker(pool, dsn, {"work": work})
    worker.start()
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], sys.argv[2] == "hangs"))
"""


async def process(dsn: str, behaviour: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", _WORKER, dsn, behaviour)


async def until(pool: asyncpg.Pool, condition: str, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await pool.fetchval(condition):
                return
            await asyncio.sleep(0.05)


async def test_many_processes_do_each_job_once(pool: asyncpg.Pool, database: str):
    await pool.execute("create table done (user_id bigint, worker text)")
    for user_id in range(120):
        await jobs.add(pool, "work", user_id)
    running = [await process(database, "works") for _ in range(3)]
    try:
        await until(pool, "select not exists (select from jobs)")
    finally:
        for each in running:
            each.send_signal(signal.SIGKILL)
            await each.wait()
    done = await pool.fetch("select user_id, worker from done")
    assert Counter(row["user_id"] for row in done) == Counter(range(120))


async def test_a_killed_workers_job_is_taken_up_within_thirty_seconds(pool: asyncpg.Pool, database: str):
    await pool.execute("create table done (user_id bigint, worker text)")
    await jobs.add(pool, "work", 1)
    victim = await process(database, "hangs")
    await until(pool, "select count(*) = 1 from done")
    victim.kill()
    await victim.wait()
    heir = await process(database, "works")
    try:
        # The promise itself is the limit here, counted from the last sign of life.
        await until(pool, "select count(*) = 2 from done", 30)
        await until(pool, "select not exists (select from jobs)", 5)
    finally:
        heir.kill()
        await heir.wait()
    assert len({row["worker"] for row in await pool.fetch("select worker from done")}) == 2
