"""Which entries of a lorebook enter a prompt, after the version 3 card specification and with what SillyTavern adds to
it.

A `Book` is compiled once for each version of a definition; `Book.select` is asked each turn. It computes only: no I/O,
and bounded work whatever the book holds. Chance comes from the caller, and so does what happened before (`memory`), so
a turn can be repeated and explained.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whisperengine.characters import decorators
from whisperengine.characters.lorebook_keys import KeyCompiler, Keys, Scanner
from whisperengine.characters.macros import scanned
from whisperengine.characters.patterns import Budget

DEFAULT_SCAN_DEPTH = 4
DEFAULT_SIMILARITY = 0.45
DEFAULT_ORDER = 100
DEFAULT_DEPTH = 4
MAX_ROUNDS = 5
_CONDITIONS = ("constant", "sticky", "cooldown", "delay")

PATTERN_STEPS = 300_000
"""Work that all patterns of one selection may cost together; about 30 ms."""


@dataclass(frozen=True)
class Talk:
    """What is known of the talk when entries are chosen.

    `messages`: texts, oldest first, the newest is the person's. `turn`: number of this turn, rising. `answers`:
    messages of the character so far. `greeting`: index of the greeting that the talk began with. `similarity`: entry
    key -> closeness in meaning (0..1), for entries of `Book.meanings`. `memory`: what `Selection.memory` of the turn
    before said.
    """

    messages: Sequence[str]
    turn: int
    answers: int = 0
    greeting: int = 0
    char: str = ""
    user: str = ""
    similarity: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chosen:
    """An entry that enters the prompt; macros in `content` are not replaced yet.

    `position` is `before_char`, `after_char` or another of the schema's; with `at_depth`, `depth` counts messages from
    the end and `role` says it. `why` tells a person the reason. `first_to_go`: to be left out before anything else
    when the prompt is full.
    """

    key: str
    name: str
    content: str
    position: str
    depth: int
    role: str
    order: float
    tokens: int
    why: str
    first_to_go: bool = False


@dataclass(frozen=True)
class Left:
    """An entry that matched and was left out, with the reason."""

    key: str
    name: str
    why: str


@dataclass(frozen=True)
class Selection:
    """`entries` in the order of insertion. `memory` is plain JSON, to be kept for the person's next turn with this
    character.

    `disabled` names the parts of the prompt that entries ask to leave out: `system_prompt`,
    `post_history_instructions`.
    """

    entries: tuple[Chosen, ...]
    left: tuple[Left, ...]
    memory: dict[str, Any]
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """One entry as compiled."""

    key: str
    name: str
    content: str
    searched: str
    fields: Mapping[str, Any]
    says: Mapping[str, Any]
    keys: Keys
    secondary: Keys
    additional: Keys
    excluded: Keys
    scan_depth: int
    conditional: bool

    def at(self, name: str, default: Any = None) -> Any:
        value = self.fields.get(name)
        return default if value is None else value

    @property
    def order(self) -> float:
        return self.at("insertion_order", DEFAULT_ORDER)


class Book:
    """A lorebook ready to be asked. `problems` are sentences about keys that cannot be used."""

    def __init__(self, lorebook: Mapping[str, Any]) -> None:
        """`lorebook` is the section of a valid definition; {} makes a book from which nothing is ever chosen."""
        compiler = KeyCompiler()
        self.literals = compiler.literals
        self.token_budget: int | None = lorebook.get("token_budget")
        self.recursive = bool(lorebook.get("recursive_scanning", False))
        self._scan_depth: int = lorebook.get("scan_depth", DEFAULT_SCAN_DEPTH)
        self.entries: list[Entry] = []
        taken: set[str] = set()
        for fields in lorebook.get("entries", ()):
            if fields.get("enabled", True):
                entry = self._compile(fields, taken, compiler)
                if entry.content.strip():
                    self.entries.append(entry)
        self.problems: list[str] = compiler.problems

    @property
    def meanings(self) -> dict[str, str]:
        """Entry key -> text to embed, of the entries that closeness in meaning may choose."""
        return {entry.key: entry.content for entry in self.entries if entry.at("meaning", False) is not False}

    def select(
        self,
        talk: Talk,
        *,
        chance: random.Random,
        count_tokens: Callable[[str], int],
        token_budget: int | None = None,
    ) -> Selection:
        """Choose for one turn. `token_budget` (of the caller) and the book's own both hold."""
        run = _Run(self, talk, chance)
        chosen = run.matches()
        chosen = run.one_of_each_group(chosen)
        budgets = [budget for budget in (self.token_budget, token_budget) if budget is not None]
        kept = run.within(chosen, min(budgets) if budgets else None, count_tokens)
        if run.budget.spent:
            run.left.append(Left("", "", "Some keys were not searched for: the book's patterns took too much work."))
        disabled = frozenset(
            entry.says["disable_ui_prompt"] for entry, _ in chosen if "disable_ui_prompt" in entry.says
        )
        return Selection(tuple(kept), tuple(run.left), run.remembered(kept), disabled)

    def _compile(self, fields: Mapping[str, Any], taken: set[str], compiler: KeyCompiler) -> Entry:
        decorated = decorators.read(fields.get("content", ""))
        says = decorated.says
        name = str(fields.get("name") or fields.get("comment") or ", ".join(fields.get("keys", ())[:3]))[:100]
        regex = bool(fields.get("use_regex", False))

        def keys(words: Iterable[str]) -> Keys:
            return compiler.compile(
                name,
                words,
                regex=regex,
                case_sensitive=bool(fields.get("case_sensitive")),
                whole_words=bool(fields.get("match_whole_words")),
            )

        # The specification lets a pattern stand alone: secondary and excluded keys are ignored beside it.
        secondary = fields.get("secondary_keys", ()) if fields.get("selective") and not regex else ()
        return Entry(
            key=_key(fields, taken),
            name=name,
            content=decorated.content,
            searched=scanned(decorated.content),
            fields=fields,
            says=says,
            keys=keys(fields.get("keys", ())),
            secondary=keys(secondary),
            additional=keys(says.get("additional_keys", ())),
            excluded=keys(() if regex else says.get("exclude_keys", ())),
            scan_depth=says.get("scan_depth", fields.get("scan_depth", self._scan_depth)),
            conditional=bool(says) or any(fields.get(name) for name in _CONDITIONS),
        )


def _key(fields: Mapping[str, Any], taken: set[str]) -> str:
    """A name for the entry that survives edits of others: its id where it has one, else a hash of what it says."""
    content = json.dumps([fields.get("keys"), fields.get("content")]).encode()
    key = f"id:{fields['id']}" if "id" in fields else hashlib.sha256(content).hexdigest()[:12]
    number = 1
    while key in taken:
        number += 1
        key = f"{key.partition('~')[0]}~{number}"
    taken.add(key)
    return key


class _Run:
    """One selection: what is scanned and what was decided so far."""

    def __init__(self, book: Book, talk: Talk, chance: random.Random) -> None:
        self.book = book
        self.talk = talk
        self.chance = chance
        self.budget = Budget(PATTERN_STEPS)
        self.scanner = Scanner(talk.messages, talk.char, talk.user, self.budget, book.literals)
        self.left: list[Left] = []
        self._kept_from_before: set[str] = set()

    def matches(self) -> list[tuple[Entry, str]]:
        """Entries that match, with the reason; first by the talk, then by the texts of those that matched."""
        chosen: list[tuple[Entry, str]] = []
        waiting: list[Entry] = []
        for entry in self.book.entries:
            why = self._standing(entry) if entry.conditional else ""
            if why is None:
                continue
            if why == "" and not entry.fields.get("delay_until_recursion"):
                why = self._spoken_of(entry)
            if not why:
                waiting.append(entry)
            elif self._lucky(entry):
                chosen.append((entry, why))
        if not self.book.recursive:
            return chosen
        fresh = list(chosen)
        for _ in range(MAX_ROUNDS):
            texts = [entry.searched for entry, _ in fresh if not entry.at("prevent_recursion", False)]
            if not texts or not waiting:
                break
            fresh, waiting = self._by_texts(waiting, "\n".join(texts))
            chosen += fresh
        return chosen

    def _by_texts(self, waiting: list[Entry], text: str) -> tuple[list[tuple[Entry, str]], list[Entry]]:
        found, rest = [], []
        scanner = Scanner((text,), self.talk.char, self.talk.user, self.budget, self.book.literals)
        hopeless = scanner.hopeless(1)
        for entry in waiting:
            excluded = hopeless(entry.keys) or entry.fields.get("exclude_recursion")
            key = None if excluded else self._named(entry, scanner, 1)
            if key is None:
                rest.append(entry)
            elif self._lucky(entry):
                found.append((entry, f"another entry speaks of {key!r}"))
        return found, rest

    def _standing(self, entry: Entry) -> str | None:
        """Why an entry enters whatever was said; "" when that depends on what was said; None when it must stay out."""
        says, talk = entry.says, self.talk
        if "activate" in says:
            return "its decorator says so"
        times, last = self._before(entry)
        if (
            "dont_activate" in says
            or talk.answers < says.get("activate_only_after", 0)
            or talk.answers % max(1, says.get("activate_only_every", 1))
            or talk.greeting != says.get("is_greeting", talk.greeting)
            or (times and "dont_activate_after_match" in says)
            or len(talk.messages) < entry.at("delay", 0)
        ):
            return None
        if times and "keep_activate_after_match" in says:
            self._kept_from_before.add(entry.key)
            return "it was spoken of before"
        sticky, cooldown = entry.at("sticky", 0), entry.at("cooldown", 0)
        if last is not None and last < talk.turn <= last + sticky:
            self._kept_from_before.add(entry.key)
            return "it was spoken of lately"
        if last is not None and last + sticky < talk.turn <= last + sticky + cooldown:
            self.left.append(Left(entry.key, entry.name, f"it rests until turn {last + sticky + cooldown + 1}"))
            return None
        return "it is always there" if entry.at("constant", False) and not entry.at("use_regex", False) else ""

    def _spoken_of(self, entry: Entry) -> str:
        key = self._named(entry, self.scanner, entry.scan_depth)
        if key is not None:
            return f"{key!r} was said"
        wanted = entry.fields.get("meaning", False)
        if wanted is not False:
            least = DEFAULT_SIMILARITY if wanted is True else wanted
            close = self.talk.similarity.get(entry.key, 0.0)
            if close >= least:
                return f"its meaning is close ({close:.2f})"
        return ""

    def _named(self, entry: Entry, scanner: Scanner, depth: int) -> str | None:
        key = scanner.first(entry.keys, depth)
        if key is None:
            return None
        if entry.secondary and not self._secondary(entry, scanner, depth):
            return None
        if entry.additional and scanner.first(entry.additional, depth) is None:
            return None
        if entry.excluded and scanner.first(entry.excluded, depth) is not None:
            return None
        return key

    def _secondary(self, entry: Entry, scanner: Scanner, depth: int) -> bool:
        match entry.at("secondary_logic", "and_any"):
            case "and_all":
                return scanner.all(entry.secondary, depth)
            case "not_any":
                return scanner.first(entry.secondary, depth) is None
            case "not_all":
                return not scanner.all(entry.secondary, depth)
        return scanner.first(entry.secondary, depth) is not None

    def _lucky(self, entry: Entry) -> bool:
        probability = entry.at("probability", 100)
        if entry.key in self._kept_from_before or probability >= 100 or self.chance.random() * 100 < probability:
            return True
        self.left.append(Left(entry.key, entry.name, f"chance ({probability:g}%) was against it"))
        return False

    def one_of_each_group(self, chosen: list[tuple[Entry, str]]) -> list[tuple[Entry, str]]:
        groups: dict[str, list[Entry]] = {}
        for entry, _ in chosen:
            if group := entry.at("group", ""):
                groups.setdefault(group, []).append(entry)
        losers: dict[str, str] = {}
        for group, members in groups.items():
            winner = self._winner(members)
            losers |= {member.key: group for member in members if member is not winner}
        self.left += [
            Left(entry.key, entry.name, f"another of the group {losers[entry.key]!r} was chosen")
            for entry, _ in chosen
            if entry.key in losers
        ]
        return [(entry, why) for entry, why in chosen if entry.key not in losers]

    def _winner(self, members: list[Entry]) -> Entry:
        staying = [member for member in members if member.key in self._kept_from_before]
        if staying:
            return staying[0]
        preferred = [member for member in members if member.at("group_override", False)]
        if preferred:
            return max(preferred, key=lambda member: member.order)
        weights = [float(member.at("group_weight", 100)) for member in members]
        return self.chance.choices(members, weights)[0] if sum(weights) > 0 else members[0]

    def within(
        self, chosen: list[tuple[Entry, str]], budget: int | None, count_tokens: Callable[[str], int]
    ) -> list[Chosen]:
        """Those that fit the budget, the ones of highest priority first, in the order of insertion."""
        by_priority = sorted(chosen, key=lambda pair: (-pair[0].at("priority", pair[0].order), pair[0].order))
        kept = []
        spent = 0
        for entry, why in by_priority:
            tokens = count_tokens(entry.content)
            free = entry.at("ignore_budget", False)
            if budget is not None and not free and spent + tokens > budget:
                self.left.append(Left(entry.key, entry.name, f"its {tokens} tokens do not fit the book's {budget}"))
                continue
            spent += 0 if free else tokens
            kept.append(_chosen(entry, why, tokens))
        place = {entry.key: number for number, entry in enumerate(self.book.entries)}
        return sorted(kept, key=lambda item: (item.order, place[item.key]))

    def remembered(self, kept: list[Chosen]) -> dict[str, Any]:
        """Entry key -> [times it entered anew, turn of the last time], for the entries that are still in the book."""
        known = {entry.key for entry in self.book.entries}
        memory = {key: value for key, value in self.talk.memory.items() if key in known}
        for item in kept:
            if item.key not in self._kept_from_before:
                times, last = _remembered(memory.get(item.key))
                memory[item.key] = [times + (last != self.talk.turn), self.talk.turn]
        return memory

    def _before(self, entry: Entry) -> tuple[int, int | None]:
        times, last = _remembered(self.talk.memory.get(entry.key))
        # A turn that is taken again, after a failure, must choose as it did the first time.
        return (times - 1, None) if last == self.talk.turn else (times, last)


def _remembered(value: Any) -> tuple[int, int | None]:
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(part, int) for part in value):
        return value[0], value[1]
    return 0, None


def _chosen(entry: Entry, why: str, tokens: int) -> Chosen:
    says = entry.says
    position = str(says.get("position") or ("at_depth" if "depth" in says else entry.at("position", "after_char")))
    return Chosen(
        key=entry.key,
        name=entry.name,
        content=entry.content,
        position=position,
        depth=max(0, says.get("depth", entry.at("depth", DEFAULT_DEPTH))),
        role=says.get("role", entry.at("role", "system")),
        order=entry.order,
        tokens=tokens,
        why=why,
        first_to_go="ignore_on_max_context" in says,
    )
