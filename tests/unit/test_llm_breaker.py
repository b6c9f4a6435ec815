"""Every step of a circuit breaker, on a clock of the test's own."""

from __future__ import annotations

from whisperengine.llm.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Breaker, State


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.admit()
        breaker.failed("llm_unreachable")
    return breaker, clock


def test_it_stays_closed_below_the_third_failure_in_a_row():
    breaker = Breaker(Clock())
    for _ in range(FAILURES - 1):
        breaker.failed("llm_unreachable")
    assert (breaker.state, breaker.admit()) == (State.CLOSED, True)
    breaker.succeeded()
    breaker.failed("llm_timeout")
    assert (breaker.state, breaker.failures) == (State.CLOSED, 1)


def test_the_third_failure_opens_it_and_nothing_goes_through():
    breaker, clock = opened()
    assert (breaker.state, breaker.admit(), breaker.last_error) == (State.OPEN, False, "llm_unreachable")
    assert breaker.retry_in == FIRST_PAUSE
    clock.now += FIRST_PAUSE / 2
    assert (breaker.state, breaker.retry_in) == (State.OPEN, FIRST_PAUSE / 2)


def test_after_the_pause_one_request_goes_through_and_no_second():
    breaker, clock = opened()
    clock.now += FIRST_PAUSE
    assert (breaker.state, breaker.retry_in) == (State.HALF_OPEN, None)
    assert [breaker.admit() for _ in range(3)] == [True, False, False]


def test_its_success_closes_it_and_forgets():
    breaker, clock = opened()
    clock.now += FIRST_PAUSE
    assert breaker.admit()
    breaker.succeeded()
    assert (breaker.state, breaker.failures, breaker.last_error) == (State.CLOSED, 0, None)
    breaker.failed("llm_timeout")
    assert breaker.state is State.CLOSED


def test_its_failure_opens_again_for_twice_as_long_up_to_five_minutes():
    breaker, clock = opened()
    pauses = []
    for _ in range(8):
        clock.now += breaker.retry_in or 0.0
        assert breaker.admit()
        breaker.failed("llm_timeout")
        assert breaker.state is State.OPEN
        pauses.append(breaker.retry_in)
    assert pauses == [20.0, 40.0, 80.0, 160.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_request_that_says_nothing_about_the_endpoint_lets_the_next_one_try():
    breaker, clock = opened()
    clock.now += FIRST_PAUSE
    assert breaker.admit()
    breaker.gave_up()
    assert (breaker.state, breaker.admit()) == (State.HALF_OPEN, True)


def test_an_endpoint_that_asks_to_wait_is_left_alone_at_once():
    breaker = Breaker(Clock())
    breaker.failed("llm_rate_limited", 42.0)
    assert (breaker.state, breaker.retry_in) == (State.OPEN, 42.0)


def test_an_absurd_wait_is_bounded():
    breaker = Breaker(Clock())
    breaker.failed("llm_rate_limited", 1e9)
    assert breaker.retry_in == LONGEST_PAUSE


def test_requests_under_way_when_it_opened_do_not_lengthen_the_pause():
    breaker, _ = opened()
    for _ in range(10):
        breaker.failed("llm_unreachable")
    assert breaker.retry_in == FIRST_PAUSE


def test_a_late_success_closes_it():
    breaker, _ = opened()
    breaker.succeeded()
    assert breaker.state is State.CLOSED
