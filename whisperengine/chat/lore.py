"""The lorebook of a character in one prompt: which entries enter now, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whisperengine.characters.lorebook import Book, Chosen, Entry, Left, Talk
from whisperengine.characters.macros import Values, expand
from whisperengine.chat.fences import defuse

_REMEMBERED = ("sticky", "cooldown")
_REMEMBERED_SAYS = ("keep_activate_after_match", "dont_activate_after_match")
_STEADY_SAYS = frozenset({"position", "role"})
# Where an entry stands among those of the changing part: as near as possible to the order its author meant.
_ORDER = (
    "before_char",
    "before_desc",
    "after_desc",
    "personality",
    "scenario",
    "after_char",
    "before_examples",
    "after_examples",
)
CLOSING = ("before_note", "after_note")


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry as it enters: macros replaced, defused."""

    key: str
    name: str
    text: str
    position: str
    depth: int
    role: str
    tokens: int
    why: str
    steady: bool
    first_to_go: bool


@dataclass(frozen=True, slots=True)
class Lore:
    """`steady` entries are there in every turn and stand in the stable part, `passing` ones behind it, `deep` ones
    inside the talk. `memory` is for the next turn.
    """

    steady: Sequence[Placed] = ()
    passing: Sequence[Placed] = ()
    deep: Sequence[Placed] = ()
    left: Sequence[Left] = ()
    memory: Mapping[str, Any] | None = None


class Lorebook:
    """A compiled book with what a prompt needs to know of its entries. Once for each version of a definition."""

    def __init__(self, lorebook: Mapping[str, Any]) -> None:
        self.book = Book(lorebook)
        self.meanings = self.book.meanings
        self._steady = frozenset(entry.key for entry in self.book.entries if _is_steady(entry))
        self._remembered = frozenset(entry.key for entry in self.book.entries if _is_remembered(entry))

    def __bool__(self) -> bool:
        return bool(self.book.entries)

    def enter(
        self, talk: Talk, lasting: Values, passing: Values, count_tokens: Callable[[str], int], token_budget: int
    ) -> Lore:
        """The entries of one turn. `lasting` and `passing` are what macros stand for in the stable part and behind it;
        the chance of `passing` decides.
        """
        chosen = self.book.select(talk, chance=passing.chance, count_tokens=count_tokens, token_budget=token_budget)
        placed = [
            _placed(entry, steady, expand(entry.content, lasting if steady else passing))
            for entry in chosen.entries
            for steady in (entry.key in self._steady,)
        ]
        rank = {position: number for number, position in enumerate(_ORDER)}
        return Lore(
            steady=[entry for entry in placed if entry.steady],
            passing=sorted(
                (entry for entry in placed if not entry.steady and entry.position != "at_depth"),
                key=lambda entry: rank.get(entry.position, len(_ORDER)),
            ),
            deep=[entry for entry in placed if entry.position == "at_depth"],
            left=chosen.left,
            memory={key: value for key, value in chosen.memory.items() if key in self._remembered},
        )


def _placed(entry: Chosen, steady: bool, text: str) -> Placed:
    return Placed(
        entry.key,
        entry.name,
        defuse(text).strip(),
        entry.position,
        entry.depth,
        entry.role,
        entry.tokens,
        entry.why,
        steady,
        entry.first_to_go,
    )


def _is_steady(entry: Entry) -> bool:
    """Whether an entry is in every prompt, whatever is said."""
    return bool(
        entry.at("constant", False)
        and not entry.at("use_regex", False)
        and entry.at("probability", 100) >= 100
        and not entry.at("group", "")
        and not entry.at("delay", 0)
        and entry.at("position", "") not in ("at_depth", *CLOSING)
        and _STEADY_SAYS.issuperset(entry.says)
    )


def _is_remembered(entry: Entry) -> bool:
    return any(entry.at(name, 0) for name in _REMEMBERED) or any(name in entry.says for name in _REMEMBERED_SAYS)
