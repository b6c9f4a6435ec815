"""Random sequences of what people do, each step held against a model in memory; see `python -m tests.machines`."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machines import QUICK
from tests.machines.characters import characters
from tests.machines.memory import memory
from tests.machines.turns import turns


def test_turns_follow_their_model(database: str):
    with turns(database) as machine:
        run_state_machine_as_test(machine, settings=QUICK)


def test_facts_and_what_they_came_from_follow_their_model(database: str):
    with memory(database) as machine:
        run_state_machine_as_test(machine, settings=settings(QUICK, max_examples=25))


def test_characters_follow_their_model(database: str):
    with characters(database) as machine:
        run_state_machine_as_test(machine, settings=settings(QUICK, max_examples=12))
