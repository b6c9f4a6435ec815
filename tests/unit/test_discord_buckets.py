from __future__ import annotations

import json
from typing import Any

import pytest

from whisperengine.discord.buckets import (
    CLOUDFLARE_PAUSE,
    INVALID_BRAKE,
    Buckets,
    Limited,
    Route,
    read_429,
)

SEND = Route("POST", "/channels/{channel}/messages", "/channels/1/messages", "1")
ELSEWHERE = Route("POST", "/channels/{channel}/messages", "/channels/2/messages", "2")
TYPING = Route("POST", "/channels/{channel}/typing", "/channels/1/typing", "1")
CALLBACK = Route("POST", "/interactions/{id}/{token}/callback", "/interactions/1/x/callback", "i", open=True)


def headers(limit: Any = 5, remaining: Any = 4, after: Any = 5.0, bucket: str = "abc") -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset-After": str(after),
        "X-RateLimit-Bucket": bucket,
    }


def test_an_empty_bucket_waits_for_its_reset_and_others_do_not() -> None:
    buckets = Buckets()
    buckets.sent(SEND, 0)
    buckets.learned(SEND, headers(remaining=0, after=4.5), 0.1)
    assert buckets.delay(SEND, 0.1) == pytest.approx(4.52)
    assert buckets.delay(ELSEWHERE, 0.1) == 0
    assert buckets.delay(SEND, 4.7) == 0


def test_a_full_bucket_is_known_after_the_reset_without_asking() -> None:
    buckets = Buckets()
    buckets.learned(SEND, headers(remaining=0, after=1), 0)
    for _ in range(5):
        assert buckets.delay(SEND, 2) == 0
        buckets.sent(SEND, 2)
    buckets.learned(SEND, headers(remaining=0, after=5), 2)
    assert buckets.delay(SEND, 2) > 4


def test_routes_with_one_hash_share_a_bucket_for_each_channel() -> None:
    buckets = Buckets()
    buckets.learned(SEND, headers(remaining=3), 0)
    buckets.learned(TYPING, headers(remaining=0), 0)
    assert buckets.delay(SEND, 0) > 0
    assert buckets.delay(ELSEWHERE, 0) == 0


def test_requests_on_their_way_are_not_forgotten_when_an_older_answer_comes() -> None:
    buckets = Buckets()
    buckets.learned(SEND, headers(remaining=2), 0)
    buckets.sent(SEND, 0.1)
    buckets.sent(SEND, 0.1)
    buckets.learned(SEND, headers(remaining=1, after=4.9), 0.2)
    assert buckets.delay(SEND, 0.2) > 0


@pytest.mark.parametrize("odd", [{}, headers(limit="x"), headers(after="soon"), {"X-RateLimit-Limit": "5"}])
def test_missing_and_senseless_headers_change_nothing(odd: dict[str, str]) -> None:
    buckets = Buckets()
    buckets.learned(SEND, odd, 0)
    assert buckets.delay(SEND, 0) == 0


def test_no_second_holds_more_than_fifty_requests_even_when_some_arrive_late() -> None:
    buckets = Buckets()
    now, sent = 0.0, []
    for channel in range(300):
        route = Route("POST", "/x", f"/{channel}", str(channel))
        now += buckets.delay(route, now)
        buckets.sent(route, now)
        sent.append(now)
    assert max(sum(start <= at < start + 1.2 for at in sent) for start in sent) <= 50
    assert sum(at < 1 for at in sent) >= 40


def test_interactions_do_not_wait_for_the_global_limit() -> None:
    buckets = Buckets()
    while not buckets.delay(ELSEWHERE, 0.0):
        buckets.sent(ELSEWHERE, 0.0)
    assert buckets.delay(CALLBACK, 0.0) == 0


def test_a_global_limit_stops_all_but_interactions() -> None:
    buckets = Buckets()
    buckets.limited(SEND, Limited("global", 3.0), 10)
    assert buckets.delay(ELSEWHERE, 10) == pytest.approx(3.02)
    assert buckets.delay(CALLBACK, 10) == 0


@pytest.mark.parametrize("scope", ["user", "shared"])
def test_a_limit_of_one_bucket_waits_as_long_as_it_says(scope: str) -> None:
    buckets = Buckets()
    buckets.learned(SEND, headers(remaining=9, after=1), 0)
    buckets.limited(SEND, Limited(scope, 1336), 0)
    assert buckets.delay(SEND, 0) == pytest.approx(1336.02)
    assert buckets.delay(ELSEWHERE, 0) == 0


def test_cloudflare_stops_everything() -> None:
    buckets = Buckets()
    buckets.limited(SEND, Limited("cloudflare", 300), 0)
    assert buckets.braked(100) == pytest.approx(200.02)


def test_a_thousand_refused_requests_pull_the_brake_and_time_releases_it() -> None:
    buckets = Buckets()
    for _ in range(INVALID_BRAKE - 1):
        buckets.invalid(0)
    assert buckets.braked(1) == 0
    buckets.invalid(1)
    assert 590 < buckets.braked(1) <= 600
    assert buckets.braked(602) == 0


@pytest.mark.parametrize(
    ("given", "body", "expected"),
    [
        ({"Retry-After": "2"}, {"retry_after": 1.3, "global": False}, Limited("user", 1.3)),
        ({"Retry-After": "2", "X-RateLimit-Reset-After": "64"}, {"retry_after": 1336.5}, Limited("user", 1336.5)),
        ({"X-RateLimit-Scope": "shared"}, {"retry_after": 2}, Limited("shared", 2)),
        ({"X-RateLimit-Global": "true"}, {"retry_after": 0.7, "global": True}, Limited("global", 0.7)),
        ({"Retry-After": "4"}, {"retry_after": "soon"}, Limited("user", 4)),
        ({}, {}, Limited("user", 1)),
    ],
)
def test_a_429_is_read_from_its_body(given: dict[str, str], body: dict[str, Any], expected: Limited) -> None:
    assert read_429(given, json.dumps(body).encode()) == expected


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"\xff"])
def test_a_429_that_is_not_json_is_cloudflares(body: bytes) -> None:
    assert read_429({"Retry-After": "10"}, body) == Limited("cloudflare", CLOUDFLARE_PAUSE)
