r"""The regular expressions that lorebooks may use: what JavaScript and Python have in common, without what needs
backtracking.

    abc . [a-z] [^a-z] \d \D \w \W \s \S \n \t \xHH \uHHHH     letters
    (...) (?:...) (?<name>...) a|b                                groups and choices
    * + ? {2} {2,} {2,5}, each with ? behind it                   repetition
    ^ $ \b \B                                                     places

Back references, look-around, possessive repetition and flags inside the pattern are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_DEPTH = 50
MAX_REPEAT = 1_000
ENDLESS = -1

Test = Callable[[str], bool]


class PatternError(ValueError):
    """A pattern cannot be used; the text says why."""


@dataclass(frozen=True)
class Letter:
    """A letter that passes `test`; `text` is that letter itself where there is only one."""

    test: Test
    text: str = ""


@dataclass(frozen=True)
class Place:
    """`start`, `end`, `edge` or `no edge`."""

    kind: str


@dataclass(frozen=True)
class Sequence:
    items: tuple[Tree, ...]


@dataclass(frozen=True)
class Choice:
    branches: tuple[Tree, ...]


@dataclass(frozen=True)
class Repeat:
    item: Tree
    low: int
    high: int


Tree = Letter | Place | Sequence | Choice | Repeat

_SINGLE = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_HEX_DIGITS = {"x": 2, "u": 4}


def is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "D": lambda letter: not letter.isdecimal(),
    "w": is_word,
    "W": lambda letter: not is_word(letter),
    "s": str.isspace,
    "S": lambda letter: not letter.isspace(),
}


def parse(source: str, *, ignore_case: bool, dot_all: bool) -> Tree:
    """The tree of a pattern. Raises PatternError."""
    parser = _Parser(source, ignore_case, dot_all)
    tree = parser.choice(0)
    if parser.place < len(source):
        raise PatternError("a bracket is closed that was not opened")
    return tree


class _Parser:
    def __init__(self, source: str, ignore_case: bool, dot_all: bool) -> None:
        self.source = source
        self.place = 0
        self.ignore_case = ignore_case
        self.dot_all = dot_all

    def choice(self, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise PatternError("it is nested too deep")
        branches = [self.sequence(depth)]
        while self._take("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self, depth: int) -> Tree:
        items: list[Tree] = []
        while self.place < len(self.source) and self.source[self.place] not in "|)":
            item = self.item(depth)
            items.append(self._repeated(item))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def item(self, depth: int) -> Tree:
        letter = self._next()
        match letter:
            case "(":
                return self._group(depth)
            case "[":
                return Letter(self._folded(self._set()))
            case ".":
                return Letter((lambda _: True) if self.dot_all else (lambda letter: letter not in "\n\r\u2028\u2029"))
            case "^":
                return Place("start")
            case "$":
                return Place("end")
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise PatternError(f"{letter} has nothing to repeat")
        return self._literal(letter)

    def _group(self, depth: int) -> Tree:
        if self._take("?"):
            if self._take("<"):
                if self.source[self.place : self.place + 1] in ("=", "!"):
                    raise PatternError("look-around is not supported")
                end = self.source.find(">", self.place)
                if end < 0:
                    raise PatternError("the name of a group has no end")
                self.place = end + 1
            elif self.source[self.place : self.place + 1] in ("=", "!"):
                raise PatternError("look-around is not supported")
            elif not self._take(":"):
                raise PatternError("this kind of group is not supported")
        tree = self.choice(depth + 1)
        if not self._take(")"):
            raise PatternError("a bracket is not closed")
        return Sequence((tree,))

    def _escape(self) -> Tree:
        letter = self._next()
        if letter in "bB":
            return Place("edge" if letter == "b" else "no edge")
        if letter in "123456789k":
            raise PatternError("back references are not supported")
        if letter in _CLASSES:
            return Letter(_CLASSES[letter])
        return self._literal(self._escaped(letter))

    def _escaped(self, letter: str) -> str:
        """The one letter that an escape stands for."""
        if letter in _HEX_DIGITS:
            if letter == "u" and self._take("{"):
                end = self.source.find("}", self.place)
                digits, self.place = self.source[self.place : max(end, self.place)], end + 1
            else:
                digits = self.source[self.place : self.place + _HEX_DIGITS[letter]]
                self.place += _HEX_DIGITS[letter]
                if len(digits) < _HEX_DIGITS[letter]:
                    digits = ""
            if (
                not digits
                or len(digits) > 6
                or set(digits) - set("0123456789abcdefABCDEF")
                or int(digits, 16) > 0x10FFFF
            ):
                raise PatternError(f"\\{letter} is not followed by a number")
            return chr(int(digits, 16))
        if letter in _SINGLE:
            return _SINGLE[letter]
        if letter.isascii() and letter.isalnum():
            raise PatternError(f"\\{letter} is not supported")
        return letter

    def _set(self) -> Test:
        negated = self._take("^")
        letters: set[str] = set()
        ranges: list[tuple[str, str]] = []
        classes: list[Test] = []
        first = True
        while first or not self._take("]"):
            first = False
            low = self._set_letter(classes)
            if low is None:
                continue
            if self.source[self.place : self.place + 1] == "-" and self.source[self.place + 1 : self.place + 2] not in (
                "]",
                "",
            ):
                self.place += 1
                high = self._set_letter(classes)
                if high is None or high < low:
                    raise PatternError("a range of letters is the wrong way round")
                ranges.append((low, high))
            else:
                letters.add(low)

        def test(letter: str) -> bool:
            inside = letter in letters or any(low <= letter <= high for low, high in ranges)
            return inside or any(is_in(letter) for is_in in classes)

        if not negated:
            return test
        folded = self._folded(test)
        return lambda letter: not folded(letter)

    def _set_letter(self, classes: list[Test]) -> str | None:
        """The next letter of a set, or None when it was a class such as \\d, which is added to `classes`."""
        letter = self._next()
        if letter != "\\":
            return letter
        letter = self._next()
        if letter in _CLASSES:
            classes.append(_CLASSES[letter])
            return None
        return "\b" if letter == "b" else self._escaped(letter)

    def _repeated(self, item: Tree) -> Tree:
        low, high = self._quantity()
        if (low, high) == (1, 1):
            return item
        if isinstance(item, Place):
            raise PatternError("a place cannot be repeated")
        self._take("?")
        if self.source[self.place : self.place + 1] in ("+", "*"):
            raise PatternError("possessive or doubled repetition is not supported")
        return Repeat(item, low, high)

    def _quantity(self) -> tuple[int, int]:
        if self._take("*"):
            return 0, ENDLESS
        if self._take("+"):
            return 1, ENDLESS
        if self._take("?"):
            return 0, 1
        if not self._take("{"):
            return 1, 1
        end = self.source.find("}", self.place)
        low, comma, high = self.source[self.place : max(end, self.place)].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()) or len(low) > 4 or len(high) > 4:
            raise PatternError("{ is not followed by a number; write \\{ for the bracket itself")
        self.place = end + 1
        least = int(low)
        most = int(high) if high else ENDLESS if comma else least
        if max(least, most) > MAX_REPEAT or (most != ENDLESS and most < least):
            raise PatternError(f"{{{low}{comma}{high}}} is out of range (at most {MAX_REPEAT:,})")
        return least, most

    def _literal(self, expected: str) -> Letter:
        if not self.ignore_case:
            return Letter(lambda letter: letter == expected, expected)
        lower = expected.lower()
        return Letter(lambda letter: letter.lower() == lower, expected)

    def _folded(self, test: Test) -> Test:
        if not self.ignore_case:
            return test
        return lambda letter: test(letter) or test(letter.lower()) or test(letter.upper())

    def _next(self) -> str:
        if self.place >= len(self.source):
            raise PatternError("it ends in the middle")
        self.place += 1
        return self.source[self.place - 1]

    def _take(self, letter: str) -> bool:
        if self.source[self.place : self.place + 1] != letter:
            return False
        self.place += 1
        return True


def needed(tree: Tree) -> frozenset[str]:
    """Words in lower case of which at least one stands in the lower-cased form of every text that has the pattern;
    empty when none is known.

    Only ASCII letters count: the lower case of others may depend on their neighbours.
    """
    match tree:
        case Letter(_, text):
            return frozenset((text.lower(),)) if text.isascii() and text else frozenset()
        case Choice(branches):
            words = [needed(branch) for branch in branches]
            return frozenset().union(*words) if all(words) else frozenset()
        case Repeat(item, low, _):
            return needed(item) if low > 0 else frozenset()
        case Sequence(items):
            found = [needed(item) for item in items if not isinstance(item, Letter)]
            run = ""
            for item in (*items, None):
                if isinstance(item, Letter) and item.text.isascii() and item.text:
                    run += item.text.lower()
                elif run:
                    found.append(frozenset((run,)))
                    run = ""
            # The longest words are the rarest ones.
            return max(found, key=lambda words: min(map(len, words), default=0), default=frozenset())
    return frozenset()
