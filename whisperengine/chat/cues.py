"""What a message calls up in the character: a way of answering, a feeling, a memory of its own, a scenario.

Triggers that are one or two words, or patterns, are looked for in the message. A longer one counts when all its words
that carry meaning are there, in any form and order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whisperengine.characters.definition import Definition
from whisperengine.characters.lorebook_keys import KeyCompiler, Keys, Scanner
from whisperengine.characters.patterns import Budget

STEPS = 100_000
"""Work of one message's search; about 10 ms."""
MOST = 2
"""Of what was called up, so many of each kind are told."""

_WORD = re.compile(r"[^\W_]+")
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a about an and any are asked asks at be being by does for from gets has have her his how if in into is it its "
        "makes me my of on or our people person she someone something talk talks that the their them they this to told "
        "user was what when who with you your",
    )
)


@dataclass(frozen=True, slots=True)
class Cue:
    """One entry of the definition and what calls it up."""

    entry: Mapping[str, Any]
    keys: Keys
    stems: tuple[frozenset[str], ...]

    def called_up(self, scanner: Scanner, said: frozenset[str]) -> bool:
        return any(stems <= said for stems in self.stems) or scanner.first(self.keys, 1) is not None


@dataclass(frozen=True, slots=True)
class CalledUp:
    """What one message called up, best first."""

    mode: Mapping[str, Any] | None
    feelings: Sequence[Mapping[str, Any]]
    reactions: Sequence[Mapping[str, Any]]
    memories: Sequence[Mapping[str, Any]]
    scenarios: Sequence[Mapping[str, Any]]
    questions: Sequence[Mapping[str, Any]]


class Cues:
    """Compiled once for each version of a definition. `problems` are sentences about patterns that cannot be used."""

    def __init__(self, definition: Definition) -> None:
        compiler = KeyCompiler()
        self._literals = compiler.literals
        self._modes = _by_priority(
            _cue(compiler, mode, [_trigger(trigger) for trigger in mode.get("triggers", ())])
            for mode in definition.entries("conduct.modes")
        )
        self._feelings = _told(definition, "emotions.triggers")
        self._reactions = _told(definition, "conduct.triggers")
        self._memories = _listed(compiler, definition, "memories", "triggers")
        self._scenarios = _listed(compiler, definition, "conduct.scenarios", "triggers")
        self._questions = _by_priority(_listed(compiler, definition, "curiosity.questions", "keywords"))
        self.problems: list[str] = compiler.problems

    def find(self, message: str, char: str, user: str) -> CalledUp:
        scanner = Scanner((message,), char, user, Budget(STEPS), self._literals)
        said = _stems(message)

        def found(cues: Sequence[Cue], most: int = MOST) -> list[Mapping[str, Any]]:
            entries: list[Mapping[str, Any]] = []
            for cue in cues:
                if len(entries) < most and cue.called_up(scanner, said):
                    entries.append(cue.entry)
            return entries

        return CalledUp(
            next(iter(found(self._modes, 1)), None),
            found(self._feelings),
            found(self._reactions),
            found(self._memories, 1),
            found(self._scenarios, 1),
            found(self._questions, 1),
        )


def _trigger(trigger: Any) -> tuple[str, str]:
    """A mode's trigger as (kind, text)."""
    if isinstance(trigger, str):
        return ("phrase" if " " in trigger.strip() else "keyword"), trigger
    text = str(trigger.get("text") or "")
    return trigger.get("kind") or ("phrase" if " " in text.strip() else "keyword"), text


def _cue(compiler: KeyCompiler, entry: Mapping[str, Any], triggers: Iterable[tuple[str, str]]) -> Cue:
    plain: list[str] = []
    special = []
    for kind, text in triggers:
        if kind == "pattern":
            special += compiler.compile("mode", [text], regex=True, case_sensitive=False, whole_words=False).special
        else:
            plain.append(text)
    words = compiler.compile("mode", plain, regex=False, case_sensitive=False, whole_words=True)
    return Cue(entry, Keys(words.plain, (*words.special, *special)), ())


def _told(definition: Definition, path: str) -> list[Cue]:
    """Entries that say in words what sets them off. A plain sentence holds the answer too and is always in the prompt
    whole; only those with a response of their own are called up.
    """
    cues = []
    for entry in definition.entries(path):
        stems = _stems(str(entry.get("text") or ""))
        if stems and len(stems) <= 5 and (entry.get("response") or entry.get("kind")):
            cues.append(Cue(entry, Keys((), ()), (stems,)))
    return cues


def _listed(compiler: KeyCompiler, definition: Definition, path: str, key: str) -> list[Cue]:
    """Entries with a list of words or sentences that call them up."""
    return [
        _cue(compiler, entry, [("phrase", str(trigger)) for trigger in entry.get(key) or ()])
        for entry in definition.entries(path)
        if entry.get(key)
    ]


def _by_priority(cues: Iterable[Cue]) -> list[Cue]:
    return sorted(cues, key=lambda cue: -(cue.entry.get("priority") or 0))


def _stems(text: str) -> frozenset[str]:
    """The words that carry meaning, without their commonest endings."""
    return frozenset(
        re.sub(r"(?:ing|ed|e?s|e)$", "", word) if len(word) > 3 else word
        for word in _WORD.findall(text.lower())
        if word not in _EMPTY
    )
