from __future__ import annotations

import pytest

from whisperengine.discord.problems import DiscordStopped
from whisperengine.discord.session import (
    CLOSE_CODES,
    MAX_FAILED_RESUMES,
    Course,
    Ending,
    How,
    Next,
    Session,
    gateway_address,
    is_gateway_url,
)

RESUME_URL = "wss://resume.example"


def running() -> Course:
    course = Course()
    course.connecting()
    course.greeted()
    course.ready("session", RESUME_URL, 1)
    return course


@pytest.mark.parametrize(
    "ending",
    [
        Ending(How.CLOSED),
        Ending(How.CLOSED, 1000),
        Ending(How.CLOSED, 1001),
        Ending(How.CLOSED, 1006),
        *(Ending(How.CLOSED, code) for code in (4000, 4001, 4002, 4005, 4008, 4999)),
        Ending(How.RECONNECT),
        Ending(How.INVALID, resumable=True),
        Ending(How.ZOMBIE),
        Ending(How.GARBLED),
    ],
    ids=str,
)
def test_a_session_that_may_live_is_resumed_at_its_own_url(ending: Ending) -> None:
    course = running()
    course.dispatched(7)
    assert course.ended(ending) is Next.RESUME
    assert course.resume_url == RESUME_URL
    assert course.session == Session("session", RESUME_URL, 7)


@pytest.mark.parametrize(
    "ending", [*(Ending(How.CLOSED, code) for code in (4003, 4007, 4009)), Ending(How.INVALID)], ids=str
)
def test_a_dead_session_is_dropped_whole_and_the_next_starts_at_the_main_url(ending: Ending) -> None:
    course = running()
    assert course.ended(ending) is Next.IDENTIFY
    assert course.session is None
    assert course.resume_url is None


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
def test_codes_that_only_people_can_mend_stop(code: int) -> None:
    assert running().ended(Ending(How.CLOSED, code)) is Next.STOP
    assert CLOSE_CODES[code][0] is Next.STOP


def test_three_failed_resumes_give_the_session_up() -> None:
    course = running()
    course.ended(Ending(How.CLOSED, 4000))
    for attempt in range(1, MAX_FAILED_RESUMES + 1):
        course.connecting()
        course.greeted()
        verdict = course.ended(Ending(How.CLOSED, 4000))
        assert verdict is (Next.RESUME if attempt < MAX_FAILED_RESUMES else Next.IDENTIFY)


def test_an_answered_resume_counts_failures_anew() -> None:
    course = running()
    for _ in range(10):
        course.connecting()
        course.greeted()
        assert course.ended(Ending(How.CLOSED, 4000)) is Next.RESUME
        course.connecting()
        course.greeted()
        course.resumed()
        assert course.ended(Ending(How.CLOSED, 4000)) is Next.RESUME


def test_an_outage_keeps_the_session_and_leaves_the_resume_url() -> None:
    course = running()
    course.ended(Ending(How.CLOSED))
    for _ in range(20):
        course.connecting()
        assert course.ended(Ending(How.UNREACHABLE)) is Next.RESUME
        assert course.resume_url is None
    course.connecting()
    course.greeted()
    course.resumed()
    assert course.ended(Ending(How.RECONNECT)) is Next.RESUME
    assert course.resume_url == RESUME_URL


def test_a_session_of_an_earlier_process_is_resumed() -> None:
    course = Course(Session("old", RESUME_URL, 41))
    assert course.next is Next.RESUME
    assert course.resume_url == RESUME_URL


def test_numbers_never_go_backwards() -> None:
    course = running()
    course.dispatched(9)
    course.dispatched(4)
    assert course.session is not None
    assert course.session.seq == 9


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("wss://gateway.discord.gg", True),
        ("ws://127.0.0.1:8080/gateway", True),
        ("ws://localhost:1", True),
        ("ws://[::1]:1", True),
        ("ws://gateway.discord.gg", False),
        ("ws://10.0.0.1", False),
        ("https://gateway.discord.gg", False),
        ("wss://", False),
        ("ws://127.0.0.1.example", False),
        ("ws://[", False),
        ("", False),
    ],
)
def test_unencrypted_gateways_are_accepted_on_this_machine_alone(url: str, good: bool) -> None:
    assert is_gateway_url(url) is good


def test_a_resume_url_that_must_not_be_used_is_not() -> None:
    course = Course()
    course.connecting()
    course.greeted()
    course.ready("session", "ws://elsewhere.example", 1)
    course.ended(Ending(How.CLOSED))
    assert course.next is Next.RESUME
    assert course.resume_url is None


@pytest.mark.parametrize("url", ["wss://a.example", "wss://a.example/", "wss://a.example/?v=6&encoding=etf#x"])
def test_every_connection_names_version_encoding_and_compression(url: str) -> None:
    assert gateway_address(url) == "wss://a.example/?v=10&encoding=json&compress=zlib-stream"


def test_a_token_is_never_sent_to_an_unencrypted_host() -> None:
    with pytest.raises(DiscordStopped, match="DISCORD_API_BASE"):
        gateway_address("ws://gateway.example")
