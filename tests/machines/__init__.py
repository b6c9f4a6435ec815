"""State machines: random sequences of what people do, each step held against a model in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

T = TypeVar("T")

QUICK = settings(
    max_examples=6,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
"""The same few sequences in every run: for the suite."""


def thorough(examples: int) -> settings:
    """Other sequences in every run, which are shortened where they fail."""
    return settings(
        QUICK, max_examples=examples, stateful_step_count=50, derandomize=False, phases=[Phase.generate, Phase.shrink]
    )


@contextmanager
def loop() -> Iterator[tuple[asyncio.Runner, AsyncExitStack]]:
    """A loop for the steps of a machine, and a stack for what they need, closed in it."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield runner, stack
        finally:
            runner.run(stack.aclose())


def one_of(data: st.DataObject, choices: Sequence[T]) -> T | None:
    """One of the choices, or None where there is none."""
    return data.draw(st.sampled_from(choices)) if choices else None


Machine = Callable[[], RuleBasedStateMachine]
