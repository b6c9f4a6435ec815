"""Keys of lorebook entries: words, phrases or patterns, and the texts in which they are looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from whisperengine.characters.literals import Literals
from whisperengine.characters.pattern_syntax import PatternError, is_word
from whisperengine.characters.patterns import LETTERS_PER_STEP, Budget, Pattern, is_slashed
from whisperengine.characters.validation import MAX_PROBLEMS

MAX_SCANNED = 100_000
"""Characters of a talk that are searched, the newest."""


MAX_PATTERN_NODES = 30_000
"""Size of all patterns of a book together."""


@dataclass(frozen=True)
class Key:
    """One key. `pattern` is None for a plain word or phrase, whose `text` is in lower case unless `case_sensitive`.
    `needs`: numbers of literals of which one must occur for the key to; empty when none is known.
    """

    shown: str
    text: str
    pattern: Pattern | None
    case_sensitive: bool
    whole_words: bool
    needs: tuple[int, ...]


@dataclass(frozen=True)
class Keys:
    """`plain`: (number of the literal, in lower case, as written) of words for which case and surroundings do not
    matter, which are most; `special`: all others.
    """

    plain: tuple[tuple[int, str, str], ...]
    special: tuple[Key, ...]

    @cached_property
    def needs(self) -> frozenset[int] | None:
        """Numbers of literals of which one must occur for any of the keys to; None when that is not known."""
        if not all(key.needs for key in self.special):
            return None
        return frozenset((*(number for number, _, _ in self.plain), *(n for key in self.special for n in key.needs)))

    def __bool__(self) -> bool:
        return bool(self.plain or self.special)


class KeyCompiler:
    """Compiles the keys of one book. `problems` are sentences about those that cannot be used: a bad pattern matches
    nothing.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.literals = Literals()
        self._room = MAX_PATTERN_NODES

    def compile(
        self, entry: str, words: Iterable[str], *, regex: bool, case_sensitive: bool, whole_words: bool
    ) -> Keys:
        plain: list[tuple[int, str, str]] = []
        special: list[Key] = []
        for word in words:
            stripped = word.strip()
            if not stripped:
                continue
            if regex or is_slashed(stripped):
                pattern = self._pattern(entry, word if regex else stripped, case_sensitive)
                if pattern is not None:
                    needs = tuple(map(self.literals.number, pattern.needed))
                    special.append(Key(stripped, "", pattern, case_sensitive, whole_words, needs))
            elif case_sensitive or whole_words or "{{" in stripped:
                text = stripped if case_sensitive else stripped.lower()
                # The lower case of letters beyond ASCII depends on their neighbours, and a macro stands for any text.
                known = stripped.isascii() and "{{" not in stripped
                needs = (self.literals.number(stripped.lower()),) if known else ()
                special.append(Key(stripped, text, None, case_sensitive, whole_words, needs))
            else:
                lower = stripped.lower()
                plain.append((self.literals.number(lower), lower, stripped))
        return Keys(tuple(plain), tuple(special))

    def _pattern(self, entry: str, source: str, case_sensitive: bool) -> Pattern | None:
        reason = "the book has too many patterns"
        if self._room > 0:
            try:
                pattern = Pattern(source, case_sensitive=case_sensitive)
                self._room -= pattern.size
                return pattern
            except PatternError as error:
                reason = str(error)
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                f"Lorebook entry {entry!r}: the pattern {source[:80]!r} matches nothing, because {reason}. "
                "Write it more simply."
            )
        return None


class Scanner:
    """Looks for keys in the last messages of a talk; prepares each depth once."""

    def __init__(self, messages: Sequence[str], char: str, user: str, budget: Budget, literals: Literals) -> None:
        """`literals` are those of the compiler that made the keys."""
        self._messages = messages
        self._literals = literals
        self._names = (("{{char}}", char), ("{{user}}", user))
        self._budget = budget
        self._texts: dict[int, tuple[str, str, frozenset[int]]] = {}

    def first(self, keys: Keys, depth: int) -> str | None:
        """One of `keys` that occurs in the last `depth` messages, as its author wrote it; None when none does."""
        _, lower, possible = self._texts.get(depth) or self._text(depth)
        for number, wanted, shown in keys.plain:
            if number in possible:
                self._budget.left -= 1 + len(lower) // LETTERS_PER_STEP
                if self._budget.spent:
                    return None
                if wanted in lower:
                    return shown
        for key in keys.special:
            if self._occurs(key, depth):
                return key.shown
        return None

    def hopeless(self, depth: int) -> Callable[[Keys], bool]:
        """A quick test for keys of which none can occur in the last `depth` messages."""
        possible = (self._texts.get(depth) or self._text(depth))[2]
        return lambda keys: keys.needs is not None and possible.isdisjoint(keys.needs)

    def all(self, keys: Keys, depth: int) -> bool:
        _, lower, possible = self._text(depth)
        return all(number in possible and wanted in lower for number, wanted, _ in keys.plain) and all(
            self._occurs(key, depth) for key in keys.special
        )

    def _occurs(self, key: Key, depth: int) -> bool:
        exact, lower, possible = self._text(depth)
        if key.needs and possible.isdisjoint(key.needs):
            return False
        if key.pattern is not None:
            return key.pattern.search(exact, self._budget, lower)
        text, wanted = (exact if key.case_sensitive else lower), key.text
        if "{{" in wanted:
            for macro, name in self._names:
                wanted = wanted.replace(macro, name if key.case_sensitive else name.lower())
            if not wanted.strip():
                return False
        return _stands_alone(wanted, text) if key.whole_words else wanted in text

    def _text(self, depth: int) -> tuple[str, str, frozenset[int]]:
        """The last `depth` messages as one text, the same in lower case, and which literals may occur in that."""
        if depth not in self._texts:
            parts: list[str] = []
            room = MAX_SCANNED
            for message in reversed(self._messages[len(self._messages) - min(depth, len(self._messages)) :]):
                if room <= 0:
                    break
                parts.append(message[-room:])
                room -= len(message)
            text = "\n".join(reversed(parts))
            lower = text.lower()
            self._texts[depth] = text, lower, self._literals.possible(lower)
        return self._texts[depth]


def _stands_alone(wanted: str, text: str) -> bool:
    place = text.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        before = place > 0 and is_word(text[place - 1]) and is_word(wanted[0])
        after = end < len(text) and is_word(text[end]) and is_word(wanted[-1])
        if not before and not after:
            return True
        place = text.find(wanted, place + 1)
    return False
