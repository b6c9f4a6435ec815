"""What changed between two versions of a character, so that a person can read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from whisperengine.characters.definition import Definition
from whisperengine.characters.mapping import ABSENT, equal
from whisperengine.characters.validation import Path, written

SHOWN = 200
MAX_COMPARED = 1_000_000
"""Pairs of list entries that are compared; longer lists are compared place by place."""


@dataclass(frozen=True)
class Change:
    """One value that was `added`, `removed` or `changed`; `before` and `after` are ABSENT where there was none."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any

    def __str__(self) -> str:
        match self.kind:
            case "added":
                return f"+ {self.path}: {_shown(self.after)}"
            case "removed":
                return f"- {self.path}: {_shown(self.before)}"
        return f"~ {self.path}: {_shown(self.before)} -> {_shown(self.after)}"


def difference(old: Definition, new: Definition) -> list[Change]:
    """The changes from `old` to `new`, in the order of the fields. A list entry that only moved up or down with its
    neighbours is none.
    """
    return list(_changes(old.document, new.document, ()))


def _changes(before: Any, after: Any, path: Path) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _changes(before.get(name, ABSENT), after.get(name, ABSENT), (*path, name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(before, after, path)
    elif before is ABSENT:
        yield Change(written(path), "added", before, after)
    elif after is ABSENT:
        yield Change(written(path), "removed", before, after)
    elif not equal(before, after):
        yield Change(written(path), "changed", before, after)


def _list_changes(before: list[Any], after: list[Any], path: Path) -> Iterator[Change]:
    for kind, start, end, other_start, other_end in _steps(before, after):
        if kind == "equal":
            continue
        paired = min(end - start, other_end - other_start)
        for step in range(paired):
            yield from _changes(before[start + step], after[other_start + step], (*path, other_start + step))
        for place in range(start + paired, end):
            yield Change(written((*path, place)), "removed", before[place], ABSENT)
        for place in range(other_start + paired, other_end):
            yield Change(written((*path, place)), "added", ABSENT, after[place])


def _steps(before: list[Any], after: list[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    keys = [json.dumps(item, sort_keys=True) for item in before], [json.dumps(item, sort_keys=True) for item in after]
    start = 0
    while start < min(len(before), len(after)) and keys[0][start] == keys[1][start]:
        start += 1
    if (len(before) - start) * (len(after) - start) > MAX_COMPARED:
        return [("replace", start, len(before), start, len(after))]
    return SequenceMatcher(None, *keys, autojunk=False).get_opcodes()


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
