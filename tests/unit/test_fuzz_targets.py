"""The targets of the fuzzer bear their seeds, mutated ones, and every input that once broke them."""

import random

import pytest

from tests.fuzz.__main__ import NAMES, mutated
from tests.fuzz.targets import TARGETS


def test_every_target_can_be_asked_for():
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_target_bears_its_seeds_and_mutated_ones(name, tmp_path):
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)
    assert mutated(name, 600, tmp_path, random.Random(7), most=60) == 60
