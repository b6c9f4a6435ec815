"""Checking plain JSON against a JSON Schema, within bounds.

Only the keywords of `KEYWORDS` are known, which are those that `schema.json` and the descriptions of the routes use;
tests hold that. All problems are collected, because an author who is told one mistake at a time gives up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any

MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_CHARACTERS = 16_000_000
MAX_PROBLEMS = 100
SHOWN = 80

Path = tuple[str | int, ...]

ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "examples", "use", "default", "format"})
KEYWORDS = ANNOTATIONS | {
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "anyOf",
    "pattern",
    "minimum",
    "maximum",
}

# PostgreSQL's jsonb takes neither NUL nor half a surrogate pair; refusing them here names the path instead of failing
# at the insert.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[\w-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (`voice.emoji.frequency`), what stands there (shortened), what is allowed.

    `keyword` is the keyword of the schema that it breaks, `schema` the part that holds the keyword; where none of
    several forms fits, `cause` is what keeps the value from the nearest one.
    """

    path: str
    value: str
    allowed: str
    keyword: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    cause: Problem | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.path} is {self.value}, but must be {self.allowed}"


def written(path: Path) -> str:
    """`path` as people write it: `voice.catchphrases[2].text`; "the document" for the whole."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else _show(part))
    return text or "the document"


def plain_copy(document: Any, schema: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    """A copy made of dict, list, str, int, float, bool and None only, and what could not be copied.

    A null where the schema knows an optional property means that the property is absent, and is left out; elsewhere it
    is kept.
    """
    copier = _Copier()
    try:
        return copier.copy(document, schema, ()), copier.problems
    except _TooLarge:
        return None, copier.problems


class _TooLarge(Exception):
    """Copying on would only cost more."""


class _Copier:
    """Counts what it copies, so that a document of any shape costs bounded work."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.values = 0
        self.characters = 0

    def copy(self, value: Any, schema: Mapping[str, Any], path: Path) -> Any:
        self._count(path, value, values=1)
        if len(path) > MAX_DEPTH:
            self._refuse(path, _show(value), f"nested at most {MAX_DEPTH} deep")
        elif isinstance(value, Mapping):
            return self._copy_object(value, schema, path)
        elif isinstance(value, (list, tuple)):
            items = schema.get("items", {})
            return [self.copy(item, items, (*path, place)) for place, item in enumerate(value)]
        elif isinstance(value, str):
            return self._copy_text(value, path)
        elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
            self._refuse(path, "a number of more than 256 bits", "a smaller number, or text")
        elif isinstance(value, float) and not math.isfinite(value):
            self._refuse(path, _show(value), "a finite number")
        elif value is None or isinstance(value, (bool, int, float)):
            return value
        else:
            self._refuse(path, type(value).__name__, "text, a number, true, false, a list or an object")
        return None

    def _copy_object(self, value: Mapping[Any, Any], schema: Mapping[str, Any], path: Path) -> dict[str, Any]:
        known = schema.get("properties", {})
        required = schema.get("required", ())
        copied: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self._refuse(path, f"an object with the key {_show(key)}", "an object whose keys are text")
            elif item is not None or key not in known or key in required:
                copied[self._copy_text(key, path)] = self.copy(item, known.get(key, {}), (*path, key))
        return copied

    def _copy_text(self, value: str, path: Path) -> str:
        self._count(path, value, characters=len(value))
        if _UNSTORABLE.search(value):
            self._refuse(path, _show(value), "text without NUL characters and without halves of surrogate pairs")
        return str(value)

    def _count(self, path: Path, value: Any, *, values: int = 0, characters: int = 0) -> None:
        self.values += values
        self.characters += characters
        if self.values > MAX_VALUES:
            self.problems.append(Problem(written(path), _show(value), f"among the first {MAX_VALUES:,} values"))
            raise _TooLarge
        if self.characters > MAX_CHARACTERS:
            self.problems.append(Problem(written(path), _show(value), f"within {MAX_CHARACTERS:,} characters in all"))
            raise _TooLarge

    def _refuse(self, path: Path, shown: str, allowed: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(written(path), shown, allowed))


def problems_of(value: Any, schema: Mapping[str, Any]) -> list[Problem]:
    """What in `value` breaks `schema`, in document order, at most MAX_PROBLEMS."""
    found: list[Problem] = []
    _check(value, schema, (), found)
    return found[:MAX_PROBLEMS]


def unknown_fields(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Sentences about the first MAX_PROBLEMS fields that the schema does not know; often they are misspelt."""
    return list(islice(_unknown(value, schema, ()), MAX_PROBLEMS))


def _unknown(value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[str]:
    known = schema.get("properties")
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _unknown(item, schema.get("items", {}), (*path, place))
    elif isinstance(value, dict) and known is not None:
        for key, item in value.items():
            if key in known:
                yield from _unknown(item, known[key], (*path, key))
            else:
                meant = get_close_matches(key[:100], known, n=1)
                hint = f" Did you mean {meant[0]}?" if meant else ""
                yield f"{written((*path, key))} is not known: it is kept, but has no effect.{hint}"


def _check(value: Any, schema: Mapping[str, Any], path: Path, found: list[Problem]) -> None:
    if len(found) >= MAX_PROBLEMS:
        return

    def report(
        keyword: str,
        shown: str,
        allowed: str,
        at: Path = path,
        part: Mapping[str, Any] = schema,
        cause: Problem | None = None,
    ) -> None:
        found.append(Problem(written(at), shown, allowed, keyword, part, cause))

    if not _has_type(value, schema.get("type")):
        report("type", _show(value), _article(schema["type"]))
    elif "enum" in schema and not any(
        value == option and isinstance(value, bool) == isinstance(option, bool) for option in schema["enum"]
    ):
        report("enum", _show(value), "one of " + ", ".join(map(str, schema["enum"])))
    elif "anyOf" in schema and (tries := _tries(value, schema["anyOf"], path)) is not None:
        allowed = schema.get("description", "of another form").rstrip(".")
        report("anyOf", _show(value), allowed, cause=_nearest(tries, written(path)))
    elif isinstance(value, str):
        _check_text(value, schema, report)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if not low <= value <= high:
            report("minimum" if value < low else "maximum", _show(value), f"from {low} to {high}")
    elif isinstance(value, list):
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if len(value) > most:
            report("maxItems", f"a list of {len(value):,}", f"a list of at most {most:,}")
        elif len(value) < least:
            report("minItems", f"a list of {len(value):,}", f"a list of at least {least:,}")
        elif "items" in schema:
            for place, item in enumerate(value):
                _check(item, schema["items"], (*path, place), found)
    elif isinstance(value, dict):
        _check_object(value, schema, path, found, report)


def _tries(value: Any, options: Sequence[Mapping[str, Any]], path: Path) -> list[list[Problem]] | None:
    """What keeps `value` from each of the forms; None when one fits."""
    tries: list[list[Problem]] = []
    for option in options:
        tries.append([])
        _check(value, option, path, tries[-1])
        if not tries[-1]:
            return None
    return tries


def _nearest(tries: list[list[Problem]], whole: str) -> Problem | None:
    """The first difference from the form that has the right type and fewest of them; a wrong word before others, as it
    often names the form.
    """
    fitting = [problems for problems in tries if problems[0].path != whole or problems[0].keyword != "type"]
    if not fitting:
        return None
    return min(min(fitting, key=len), key=lambda problem: problem.keyword != "enum")


def _check_text(value: str, schema: Mapping[str, Any], report: Callable[..., None]) -> None:
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if len(value) > most:
        report("maxLength", f"text of {len(value):,} characters", f"text of at most {most:,} characters")
    elif len(value) < least:
        report("minLength", _show(value), f"text of at least {least:,} characters")
    elif "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        report("pattern", _show(value), f"text that matches {schema['pattern']}")


def _check_object(
    value: dict[str, Any], schema: Mapping[str, Any], path: Path, found: list[Problem], report: Callable[..., None]
) -> None:
    known = schema.get("properties", {})
    required = schema.get("required", ())
    for key in required:
        if key not in value:
            part = known.get(key, {})
            report("required", "missing", part.get("description", "given").rstrip("."), (*path, key), part)
    least, most = schema.get("minProperties", 0), schema.get("maxProperties", math.inf)
    if not least <= len(value) <= most:
        keyword = "minProperties" if len(value) < least else "maxProperties"
        report(keyword, f"an object with {len(value):,} fields", f"an object with {least} to {most} fields")
    for key, item in value.items():
        part = known.get(key, schema.get("additionalProperties"))
        # As in plain_copy: null in the place of what may be absent is its absence.
        if part is not None and not (item is None and key in known and key not in required):
            _check(item, part, (*path, key), found)


def _has_type(value: Any, types: str | list[str] | None) -> bool:
    if types is None:
        return True
    return any(_is(value, name) for name in ([types] if isinstance(types, str) else types))


def _is(value: Any, name: str) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match name:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return number and (isinstance(value, int) or value.is_integer())
        case "number":
            return number
        case "null":
            return value is None
    raise ValueError(f"The schema names the type {name!r}, which this checker does not know. Add it to _is().")


def _article(types: str | list[str]) -> str:
    words = {
        "object": "an object",
        "array": "a list",
        "string": "text",
        "boolean": "true or false",
        "integer": "a whole number",
        "number": "a number",
        "null": "null",
    }
    return " or ".join(words[name] for name in ([types] if isinstance(types, str) else types))


def _show(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value[:SHOWN]) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN + 2 else text[:SHOWN] + "…"


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    # JSON Schema means the very end; Python's `$` also matches before a last line break.
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)
