"""Regular expressions of unknown origin, searched in time that grows only with the length of the text.

Python's `re` backtracks: `(a+)+b` takes it longer than anybody lives on forty letters. Lorebook keys come from
strangers, so they run here as an automaton: all states that the pattern can be in are followed together (Thompson
1968), and sets of states that were met before are remembered, as RE2 does. The question answered is only whether the
pattern occurs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from whisperengine.characters.pattern_syntax import (
    ENDLESS,
    Choice,
    Letter,
    PatternError,
    Place,
    Repeat,
    Sequence,
    Test,
    Tree,
    is_word,
    needed,
    parse,
)

MAX_LENGTH = 2_000
MAX_NODES = 2_000
MAX_SETS = 1_000

LETTERS_PER_STEP = 512
"""Letters of a text in which a plain word is looked for at the cost of one step."""

_FLAGS = frozenset("igmsuy")

# What stands before the place at which a search is.
_NOTHING, _NEW_LINE, _WORD, _OTHER = range(4)
_State = tuple[frozenset[int], int]
_MATCH = 0


class Budget:
    """Work left for a whole scan, in steps of about a tenth of a microsecond.

    All patterns of a scan share one budget, so that no book can hold up the service, whatever its patterns are.
    """

    def __init__(self, steps: int) -> None:
        self.left = steps

    @property
    def spent(self) -> bool:
        return self.left <= 0


@dataclass(slots=True)
class _Node:
    """One instruction: take a letter that passes `test`, or check a `place`; then go on to all of `next`."""

    test: Test | None = None
    place: str = ""
    next: list[int] = field(default_factory=list)


def is_slashed(key: str) -> bool:
    """Whether a key is written as JavaScript writes patterns, /dragons?/i, which is one wherever it stands."""
    return _unslashed(key) is not None


def _unslashed(key: str) -> tuple[str, str] | None:
    """(pattern, flags) of a key written between slashes, or None."""
    source, slash, flags = key[1:].rpartition("/")
    if not key.startswith("/") or not slash or not source or (flags and not (flags.isascii() and flags.islower())):
        return None
    return source, flags


class Pattern:
    """A compiled pattern, with the moves between sets of states that it has met."""

    def __init__(self, source: str, *, case_sensitive: bool = False) -> None:
        """`source` is a pattern, or /pattern/flags whose flags then count alone. Raises PatternError."""
        if len(source) > MAX_LENGTH:
            raise PatternError(f"it is longer than {MAX_LENGTH:,} characters")
        flags = set() if case_sensitive else {"i"}
        if slashed := _unslashed(source):
            source, flags = slashed[0], set(slashed[1])
            if unknown := flags - _FLAGS:
                raise PatternError(f"the flag {min(unknown)} is not known")
        self._lines = "m" in flags
        self._nodes = [_Node()]
        self._steps = 0
        tree = parse(source, ignore_case="i" in flags, dot_all="s" in flags)
        self._start = self._compile(tree, _MATCH)
        self.needed = tuple(needed(tree))
        self._moves: dict[_State, dict[str, _State | None]] = {}

    @property
    def size(self) -> int:
        """Number of instructions."""
        return len(self._nodes)

    def search(self, text: str, budget: Budget, lower: str | None = None) -> bool:
        """Whether the pattern occurs in `text`. No when the budget is spent before that is known.

        `lower` is the text in lower case, where the caller has it. Most texts lack a word that the pattern needs,
        which is quickly seen.
        """
        if self.needed:
            lower = text.lower() if lower is None else lower
            budget.left -= len(self.needed) * (1 + len(lower) // LETTERS_PER_STEP)
            if not any(word in lower for word in self.needed):
                return False
        if budget.spent:
            return False
        state: _State = (frozenset((self._start,)), _NOTHING)
        moves = self._moves.setdefault(state, {})
        for letter in text:
            if letter in moves:
                budget.left -= 1
                following = moves[letter]
            elif budget.spent:
                return False
            else:
                following = moves[letter] = self._move(state, letter, budget)
            if following is None:
                return True
            state = following
            moves = self._moves.get(state)
            if moves is None:
                if len(self._moves) >= MAX_SETS:
                    self._moves.clear()
                moves = self._moves[state] = {}
        return not budget.spent and _MATCH in self._closed(state, "", budget)

    def _move(self, state: _State, letter: str, budget: Budget) -> _State | None:
        """The state after `letter`, or None when the pattern has occurred before it."""
        closed = self._closed(state, letter, budget)
        if _MATCH in closed:
            return None
        # The start is in every set: the pattern may begin anywhere.
        passed = {self._start}
        for number in closed:
            node = self._nodes[number]
            if node.test is not None and node.test(letter):
                passed.update(node.next)
        return frozenset(passed), _NEW_LINE if letter == "\n" else _WORD if is_word(letter) else _OTHER

    def _closed(self, state: _State, ahead: str, budget: Budget) -> set[int]:
        """All instructions that are reached without taking a letter; `ahead` is the next one, "" at the end."""
        numbers, behind = state
        seen = set(numbers)
        stack = list(numbers)
        while stack:
            node = self._nodes[stack.pop()]
            if node.test is None and (not node.place or self._holds(node.place, behind, ahead)):
                for number in node.next:
                    if number not in seen:
                        seen.add(number)
                        stack.append(number)
        budget.left -= 4 * len(seen)
        return seen

    def _holds(self, place: str, behind: int, ahead: str) -> bool:
        if place == "start":
            return behind == _NOTHING or (self._lines and behind == _NEW_LINE)
        if place == "end":
            return ahead == "" or (self._lines and ahead == "\n")
        edge = (behind == _WORD) != (ahead != "" and is_word(ahead))
        return edge == (place == "edge")

    def _add(self, *, test: Test | None = None, place: str = "", next: Iterable[int] = ()) -> int:
        if len(self._nodes) >= MAX_NODES:
            raise PatternError("it is too large; use shorter repetitions")
        self._nodes.append(_Node(test, place, list(next)))
        return len(self._nodes) - 1

    def _compile(self, tree: Tree, after: int) -> int:
        """Add the instructions of `tree`, which go on to `after`; answers the first of them."""
        # Counted beside the nodes, because repeating nothing at all adds none: (?:(?:){1000}){1000} and so on.
        self._steps += 1
        if self._steps > 4 * MAX_NODES:
            raise PatternError("it is too large; use shorter repetitions")
        match tree:
            case Letter(test):
                return self._add(test=test, next=(after,))
            case Place(kind):
                return self._add(place=kind, next=(after,))
            case Sequence(items):
                for item in reversed(items):
                    after = self._compile(item, after)
                return after
            case Choice(branches):
                return self._add(next=[self._compile(branch, after) for branch in branches])
            case Repeat(item, low, high):
                return self._repeat(item, low, high, after)

    def _repeat(self, item: Tree, low: int, high: int, after: int) -> int:
        first = after
        if high == ENDLESS:
            first = self._add(next=(after,))
            self._nodes[first].next.append(self._compile(item, first))
        for _ in range(high - low):
            first = self._add(next=(self._compile(item, first), after))
        for _ in range(low):
            first = self._compile(item, first)
        return first
