from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.discord.pace import (
    Backoff,
    Heartbeat,
    SlidingLog,
    StartLimit,
    Timing,
    identify_pause,
    send_limiter,
)


def test_the_first_beat_comes_after_a_part_of_the_interval() -> None:
    assert Heartbeat(40, now=100, jitter=0.25).next_at == 110


def test_beats_keep_their_rhythm_although_each_is_late() -> None:
    heart = Heartbeat(10, now=0, jitter=0)
    for due in range(0, 100, 10):
        assert heart.next_at == due
        assert heart.due(due + 0.4)
        heart.acknowledged(due + 0.5)


def test_a_beat_without_acknowledgement_is_death_at_the_next() -> None:
    heart = Heartbeat(10, now=0, jitter=0)
    assert heart.due(0)
    assert not heart.due(10)


def test_beats_that_the_server_asks_for_never_declare_it_dead() -> None:
    heart = Heartbeat(10, now=0, jitter=0.5)
    heart.asked(1)
    heart.asked(2)
    assert heart.due(5)
    heart.acknowledged(5.1)
    heart.asked(14.9)
    assert heart.due(15)


def test_a_machine_that_slept_beats_once() -> None:
    heart = Heartbeat(10, now=0, jitter=0)
    assert heart.due(500)
    assert heart.next_at == 510


def test_latency_is_the_round_trip_of_a_beat() -> None:
    heart = Heartbeat(10, now=0, jitter=0)
    heart.due(0)
    heart.acknowledged(0.25)
    assert heart.latency == 0.25


@settings(max_examples=25)
@given(st.lists(st.floats(0, 30), max_size=300), st.integers(5, 60))
def test_no_window_ever_holds_more_than_the_limit(gaps: list[float], interval: int) -> None:
    log = send_limiter(interval)
    now, sent = 0.0, []
    for gap in gaps:
        now += gap / 30
        now += log.delay(now)
        assert log.delay(now) == pytest.approx(0, abs=1e-6)
        log.record(now)
        sent.append(now)
    for start in sent:
        assert sum(start <= at < start + 60 for at in sent) <= 120


def test_heartbeats_find_room_when_everything_else_is_used_up() -> None:
    log = send_limiter(41.25)
    sent = 0
    while not log.delay(0.0):
        log.record(0.0)
        sent += 1
    assert sent < 120
    assert log.delay(0.0) > 0
    assert log.delay(0.0, urgent=True) == 0


def test_a_place_is_free_when_the_oldest_leaves_the_window() -> None:
    log = SlidingLog(2, 10)
    log.record(0)
    log.record(4)
    assert log.delay(5) == 5
    assert log.delay(10) == 0


def test_the_first_attempt_is_immediate_and_later_ones_spread() -> None:
    backoff = Backoff(1, 40, random.Random(1).random)
    delays = [backoff.next() for _ in range(200)]
    assert delays[0] == 0
    assert all(0 <= delay <= 40 for delay in delays)
    assert max(delays) > 30
    assert min(delays[20:]) < 5
    backoff.reset()
    assert backoff.next() == 0


def test_the_ceiling_doubles() -> None:
    backoff = Backoff(1, 40, lambda: 1.0)
    assert [backoff.next() for _ in range(8)] == [0, 2, 4, 8, 16, 32, 40, 40]


def test_an_outage_never_silences_the_client_for_a_minute() -> None:
    timing = Timing()
    assert timing.connect + timing.backoff_cap + timing.identify_gap < 60


@pytest.mark.parametrize(
    ("limit", "used", "since_last", "pause"),
    [
        (StartLimit(1000, 1000, 86_400), 0, 1e6, 0),
        (StartLimit(1000, 501, 86_400), 0, 0, 0),
        (StartLimit(1000, 400, 40_000), 0, 0, 100),
        (StartLimit(1000, 400, 40_000), 0, 30, 70),
        (StartLimit(1000, 400, 40_000), 0, 500, 0),
        (StartLimit(1000, 5, 40_000), 0, 1e6, 40_000),
        (StartLimit(1000, 0, 9), 0, 1e6, 9),
        (StartLimit(1000, 1000, 40_000), 996, 1e6, 40_000),
    ],
)
def test_the_daily_budget_is_spread_and_never_spent(
    limit: StartLimit, used: int, since_last: float, pause: float
) -> None:
    assert identify_pause(limit, used, since_last) == pause


def test_a_storm_of_a_whole_day_leaves_identifies_over() -> None:
    now, last, remaining, total = 0.0, -1e9, 1000, 1000
    while now < 86_399:
        limit = StartLimit(total, remaining, 86_400 - now)
        now += max(5.0, identify_pause(limit, total - remaining, now - last))
        last, remaining = now, remaining - 1
    assert remaining >= 4
