"""Between a foreign document and CDL: tables of rules that work in both directions.

What a foreign document says is copied field by field; the document itself is kept whole beside the result (see
`KEPT`). Writing it back starts from that copy and changes only the fields whose value in CDL is no longer what reading
the copy gives. So a round trip loses nothing, whatever the copy holds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from whisperengine.characters.schema import SCHEMA

KEPT = "whisperengine.original"
"""Key under a definition's `extensions` that holds the document it was imported from: {"format": name, "document": the
document}.
"""

ABSENT: Any = object()


class Lost(str):
    """A sentence about a value of a foreign document that found no place: `path` is its path there."""

    path: str
    why: str

    def __new__(cls, path: str, why: str) -> Lost:
        """`why` goes on where the path ends: "fits no field"."""
        self = super().__new__(cls, f"{path} {why}")
        self.path, self.why = path, why
        return self


Path = tuple[str, ...]
UNFIT = "fits no field; it is kept only in the original."
UNKNOWN = "is not known; it is kept only in the original."


def _same(value: Any) -> Any:
    return value


def _plain(value: Any, _before: Any) -> Any:
    return value


@dataclass(frozen=True)
class Rule:
    """One field.

    `read` turns the foreign value into ours; `write` turns ours into the foreign one, given the foreign value that
    stood there before (or ABSENT). Either may answer ABSENT: there is nothing to say.
    """

    foreign: Path
    ours: Path
    read: Callable[[Any], Any] = _same
    write: Callable[[Any, Any], Any] = _plain


def rule(foreign: str, ours: str, *functions: Callable[..., Any]) -> Rule:
    return Rule(tuple(foreign.split(".")), tuple(ours.split(".")), *functions)


def read(
    rules: Sequence[Rule], foreign: Mapping[str, Any], dropped: list[str], schema: Mapping[str, Any] = SCHEMA
) -> dict[str, Any]:
    """What `foreign` says, in the terms of `schema`. Paths of values that fit nowhere are appended to `dropped`.

    Where several rules lead to the same field, the first that finds something wins.
    """
    document: dict[str, Any] = {}
    for item in rules:
        value = get(foreign, item.foreign)
        if value is ABSENT or value in (None, "", [], {}) or get(document, item.ours) is not ABSENT:
            continue
        value = fit(item.read(value), schema_at(item.ours, schema), ".".join(item.foreign), dropped)
        if value is not ABSENT:
            put(document, item.ours, value)
    return document


def write(
    rules: Sequence[Rule], document: Mapping[str, Any], original: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """`document` as a foreign one: a copy of `original`, changed where `document` differs from `before`, which is what
    reading `original` gave.

    Where several rules lead to the same field, the first writes it, and the others only where the original has it too.
    """
    result: dict[str, Any] = copy.deepcopy(dict(original))
    written: set[Path] = set()
    for item in rules:
        now = get(document, item.ours)
        there = get(result, item.foreign)
        if (original and equal(now, get(before, item.ours))) or (item.ours in written and there is ABSENT):
            continue
        value = ABSENT if now is ABSENT else item.write(now, there)
        if value is ABSENT:
            remove(result, item.foreign)
        else:
            put(result, item.foreign, value)
            written.add(item.ours)
    return result


def unplaced(rules: Sequence[Rule], document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `document` for which `rules` have no place."""
    rest = copy.deepcopy(dict(document))
    for item in rules:
        remove(rest, item.ours)
    return rest


def beyond(value: Any, known: Any) -> Any:
    """What nested objects hold beyond the equal parts of `known`; ABSENT when that is nothing."""
    if equal(value, known):
        return ABSENT
    if not isinstance(value, dict) or not isinstance(known, dict):
        return value
    rest = {name: beyond(item, known.get(name, ABSENT)) for name, item in value.items()}
    return {name: item for name, item in rest.items() if item is not ABSENT} or ABSENT


def paths_in(value: Any, prefix: str = "") -> list[str]:
    """Dotted paths of the values in nested objects, lists taken whole: for reports."""
    if not isinstance(value, Mapping) or not value:
        return [prefix]
    return [path for name, item in value.items() for path in paths_in(item, f"{prefix}.{name}" if prefix else name)]


def get(document: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(document, Mapping) or name not in document:
            return ABSENT
        document = document[name]
    return document


def put(document: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value; whatever stands in the way and is no object is replaced by one."""
    for name in path[:-1]:
        if not isinstance(document.get(name), dict):
            document[name] = {}
        document = document[name]
    document[path[-1]] = value


def remove(document: dict[str, Any], path: Path) -> None:
    """Take a value out, and the objects that are empty without it."""
    if len(path) > 1 and isinstance(document.get(path[0]), dict):
        remove(document[path[0]], path[1:])
        if not document[path[0]]:
            del document[path[0]]
    elif len(path) == 1:
        document.pop(path[0], None)


def equal(one: Any, two: Any) -> bool:
    """Whether two JSON values are the same; unlike `==`, true is not 1."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(equal(one[name], two[name]) for name in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(equal, one, two))
    return isinstance(one, bool) == isinstance(two, bool) and one == two


def schema_at(path: Path, schema: Mapping[str, Any] = SCHEMA) -> Mapping[str, Any]:
    return reduce(lambda inner, name: inner.get("properties", {}).get(name, {}), path, schema)


def fit(value: Any, schema: Mapping[str, Any], path: str, dropped: list[str]) -> Any:
    """`value` made to fit `schema` without changing what it says: numbers in quotes become numbers, one sentence
    becomes a list of one, null is nothing.

    What cannot be made to fit is left out and its path appended to `dropped`. Answers ABSENT when nothing is left.
    """
    if value is ABSENT or value is None:
        return ABSENT
    types = schema.get("type", ())
    names = [types] if isinstance(types, str) else types
    if not names:
        return value
    if isinstance(value, dict) and "object" in names:
        return _fit_object(value, schema, path, dropped)
    if "array" in names:
        items = value if isinstance(value, list) else [value]
        fitted_items = [
            fit(item, schema.get("items", {}), f"{path}[{place}]", dropped) for place, item in enumerate(items)
        ]
        return [item for item in fitted_items if item is not ABSENT]
    scalar = _fit_scalar(value, names, schema)
    if scalar is ABSENT:
        dropped.append(path)
    return scalar


def _fit_object(value: dict[str, Any], schema: Mapping[str, Any], path: str, dropped: list[str]) -> Any:
    known = schema.get("properties", {})
    fitted = {}
    for name, item in value.items():
        part = known.get(name, schema.get("additionalProperties"))
        kept = item if part is None else fit(item, part, f"{path}.{name}", dropped)
        if kept is not ABSENT:
            fitted[name] = kept
    return ABSENT if not fitted and (value or "minProperties" in schema) else fitted


def _fit_scalar(value: Any, names: Sequence[str], schema: Mapping[str, Any]) -> Any:
    if isinstance(value, (dict, list)):
        return ABSENT
    if isinstance(value, bool) and "boolean" in names:
        return value
    if isinstance(value, str) and "string" in names:
        return value if value in schema.get("enum", (value,)) else ABSENT
    number = _number(value)
    if number is not None and ("number" in names or "integer" in names):
        if "number" not in names and number != int(number):
            return ABSENT
        number = number if "number" in names else int(number)
        return number if schema.get("minimum", number) <= number <= schema.get("maximum", number) else ABSENT
    if "boolean" in names and str(value).strip().lower() in ("true", "false", "1", "0"):
        return str(value).strip().lower() in ("true", "1")
    if "string" in names and not isinstance(value, bool) and "enum" not in schema:
        return str(value)
    return ABSENT


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text or len(text) > 40:
            return None
        try:
            value = int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and abs(value) < float("inf") else None
