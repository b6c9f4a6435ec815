"""Texts that make a backtracking search slow, derived from the pattern's own parse tree.

A search is slow where a part that repeats can be left at many places: after Weideman et al. 2016 ("Analyzing matching
time behavior of backtracking regular expression matchers") the attack is a prefix that leads to a repetition, a pump
that goes round it, and a suffix that fails behind it. Every repetition of a pattern is attacked so, with several
samples of what it repeats; the way to it and the whole of it are pumped as well, for searches that begin anew at each
letter.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

# The tree has no public name; what is read of it here has been the same since Python 3.11.
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

SUFFIXES = ("\x00", "!", "\n", " ", "a", "")
# What a class or a category is sampled from, in this order.
_LETTERS = "a1 _-.,:'\"<>[](){}/\\\n\t@#!?=;|*+~$%^&`ZéеΩ中\u00a0\u200b\u00ad＜／…😀"
_COMMON = (" ", "\n", "a", "1", "a ", "1 ", ".", ". ", ",", "-", "<", "< ", "{{", "[", "I am ", "\u200b", "'")
_GAPS = 16
_SAMPLES = 4
_PUMPS = 160


def attacks(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """(prefix, pump): at most a fixed number for each pattern, the same ones in every run."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    chance = random.Random(repr(pattern.pattern))
    found: dict[tuple[str, str], None] = {}
    for way, body in _repetitions(tree.data, ()):
        prefix = "".join(_sample(part, chance, pattern.flags) for part in way)
        for _ in range(_SAMPLES):
            pump = "".join(_sample([item], chance, pattern.flags, least=1) for item in body)
            if pump:
                found[prefix, pump] = None
                found["", prefix + pump] = None
    whole = [_sample(tree.data, chance, pattern.flags, least=1) for _ in range(_SAMPLES)]
    chosen = list(found)
    if len(chosen) > _PUMPS:
        chosen = chance.sample(chosen, _PUMPS)
    return [*chosen, *(("", pump) for pump in dict.fromkeys((*whole, *_COMMON)) if pump)]


def text(prefix: str, pump: str, suffix: str, length: int) -> str:
    """The attack as a text of about `length` letters."""
    return (prefix[:length] + pump * (length // len(pump) + 1))[:length] + suffix


def _repetitions(items: Sequence[Any], way: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Sequence[Any]]]:
    """Each repetition of a tree: the parts on the way to it, and what it repeats."""
    for number, (op, value) in enumerate(items):
        here = (*way, items[:number]) if number else way
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            _, most, body = value
            if most > 1:
                yield here, body.data
            yield from _repetitions(body.data, here)
        elif op is ops.SUBPATTERN:
            yield from _repetitions(value[-1].data, here)
        elif op is ops.ATOMIC_GROUP:
            yield from _repetitions(value.data, here)
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _repetitions(branch.data, here)
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _repetitions(value[1].data, here)


def _sample(items: Sequence[Any], chance: random.Random, flags: int, least: int = 0) -> str:
    """A text that the items match, repetitions as often as they must, or `least` times."""
    return "".join(_one(op, value, chance, flags, least) for op, value in items)


def _one(op: Any, value: Any, chance: random.Random, flags: int, least: int) -> str:
    if op is ops.LITERAL:
        return chr(value)
    if op is ops.NOT_LITERAL:
        return next(letter for letter in _LETTERS if ord(letter) != value)
    if op is ops.ANY:
        return chance.choice("a 1<")
    if op is ops.IN:
        return _of_class(value, chance, flags)
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        fewest, most, body = value
        times = max(fewest, min(most, max(least, chance.randint(0, 1))))
        return "".join(_sample(body.data, chance, flags) for _ in range(min(times, _GAPS)))
    if op is ops.SUBPATTERN:
        return _sample(value[-1].data, chance, flags, least)
    if op is ops.ATOMIC_GROUP:
        return _sample(value.data, chance, flags, least)
    if op is ops.BRANCH:
        return _sample(chance.choice(value[1]).data, chance, flags, least)
    return ""


def _of_class(members: Sequence[Any], chance: random.Random, flags: int) -> str:
    """A letter of a class: one of those that classes meet in, so that neighbours overlap."""
    written = "".join(
        chr(value if op is ops.LITERAL else chance.randint(*value))
        for op, value in members
        if op in (ops.LITERAL, ops.RANGE)
    )
    candidates = [letter for letter in (*_LETTERS, *written) if _in_class(letter, members)]
    return chance.choice(candidates[:2] + candidates[-2:]) if candidates else ""


def _in_class(letter: str, members: Sequence[Any]) -> bool:
    negated = members[0][0] is ops.NEGATE
    held = any(_is_member(letter, op, value) for op, value in members)
    return held != negated


def _is_member(letter: str, op: Any, value: Any) -> bool:
    if op is ops.LITERAL:
        return ord(letter) == value
    if op is ops.RANGE:
        return value[0] <= ord(letter) <= value[1]
    if op is ops.CATEGORY:
        return bool(re.match(_CATEGORIES[value], letter))
    return False


_CATEGORIES = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
}
