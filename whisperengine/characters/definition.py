"""A character's definition: one validated CDL 3 document, and typed ways into it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from whisperengine.characters.schema import SCHEMA
from whisperengine.characters.validation import Problem, plain_copy, problems_of, unknown_fields
from whisperengine.errors import RequestError

Archetype = Literal["real-world", "fantasy", "narrative-ai"]

CDL_VERSION = "3.0"
MAX_NAME = 64
NAME_RULE = "1 to 64 of a-z, 0-9, _ and -, with a letter or digit at both ends"

_NAME = re.compile(SCHEMA["properties"]["name"]["pattern"])


class InvalidCharacter(RequestError):
    """A document is no character; `problems` holds everything that is wrong with it."""

    code = "invalid_character"

    def __init__(self, problems: list[Problem]) -> None:
        listed = "; ".join(map(str, problems))
        super().__init__(
            f"The character cannot be used: {listed}. Correct this and send it again.",
            details={
                "problems": [
                    {"path": problem.path, "value": problem.value, "allowed": problem.allowed, "message": str(problem)}
                    for problem in problems
                ]
            },
        )
        self.problems = problems


@dataclass(frozen=True)
class Definition:
    """A valid CDL 3 document. Make one with `parse()`; construct it directly only from a document that `parse()`
    accepted before.

    `document` is the whole of it, unknown fields and `extensions` untouched. It must not be changed: versions and
    prompts share it.
    """

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The slug."""
        return self.document["name"]

    @property
    def full_name(self) -> str:
        """Name for people; made from the slug where the author gave none."""
        return self.text("identity.full_name") or self.name.replace("_", " ").title()

    @property
    def nickname(self) -> str:
        return self.text("identity.nickname")

    @property
    def called(self) -> str:
        """What `{{char}}` stands for."""
        return self.nickname or self.full_name

    @property
    def pronouns(self) -> str:
        return self.text("identity.pronouns")

    @property
    def occupation(self) -> str:
        return self.text("identity.occupation")

    @property
    def description(self) -> str:
        return self.text("identity.description")

    @property
    def archetype(self) -> Archetype:
        return self.at("identity.archetype", "real-world")

    @property
    def full_roleplay(self) -> bool:
        """Whether the character may stay in its story when asked about its nature; only a `fantasy` one may."""
        return bool(self.at("identity.full_roleplay", False)) and self.archetype == "fantasy"

    @property
    def greeting(self) -> str:
        return self.text("conversation.greeting")

    @property
    def greetings(self) -> tuple[str, ...]:
        """The greeting and its alternates, empty ones left out."""
        return tuple(text for text in (self.greeting, *self.texts("conversation.alternate_greetings")) if text)

    @property
    def catchphrases(self) -> tuple[str, ...]:
        return self.texts("voice.catchphrases")

    @property
    def tags(self) -> tuple[str, ...]:
        return self.texts("about.tags")

    @property
    def lorebook(self) -> Mapping[str, Any]:
        """The lorebook as written; empty when there is none."""
        return self.at("lorebook", {})

    @property
    def model(self) -> Mapping[str, Any]:
        """The character's own model settings; empty when it has none."""
        return self.at("model", {})

    @property
    def extensions(self) -> Mapping[str, Any]:
        return self.at("extensions", {})

    def at(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path through objects (`voice.emoji.frequency`), or `default`."""
        value: Any = self.document
        for name in path.split("."):
            if not isinstance(value, Mapping) or name not in value:
                return default
            value = value[name]
        return value

    def text(self, path: str) -> str:
        """The text (or the number, as text) at `path`, without white space around it; "" when there is none."""
        value = self.at(path)
        return "" if value is None or isinstance(value, (bool, dict, list)) else str(value).strip()

    def entries(self, path: str) -> tuple[Mapping[str, Any], ...]:
        """The list at `path`, each entry as an object: the plain sentence "x" reads as {"text": "x"}."""
        return tuple({"text": item} if isinstance(item, str) else item for item in self.at(path, ()))

    def texts(self, path: str) -> tuple[str, ...]:
        """The `text` of each entry of the list at `path`; entries without one are left out."""
        return tuple(entry["text"] for entry in self.entries(path) if entry.get("text"))

    @cached_property
    def sha256(self) -> bytes:
        """Hash of the document's content; neither the order of its fields nor 1 against 1.0 matters."""
        canonical = json.dumps(_canonical(self.document), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return {name: _canonical(item) for name, item in value.items()} if isinstance(value, dict) else value


def parse(document: Mapping[str, Any]) -> Definition:
    """Check a document of any origin and wrap a copy of it.

    Null in place of an optional field means that the field is absent. Raises InvalidCharacter that lists all problems
    at once, each with its path, the value found and what is allowed.
    """
    copied, problems = plain_copy(document, SCHEMA)
    # Where the copy had to leave something out, the schema would only report the hole.
    problems = problems or problems_of(copied, SCHEMA)
    if problems:
        raise InvalidCharacter([_readable(problem) for problem in problems])
    return Definition(copied)


def _readable(problem: Problem) -> Problem:
    # A pattern is no help to an author.
    return replace(problem, allowed=NAME_RULE) if problem.path == "name" else problem


def is_name(text: str) -> bool:
    """Whether a character may be named so; NAME_RULE says it in words."""
    return bool(_NAME.fullmatch(text))


def remarks(definition: Definition) -> list[str]:
    """What an author should know of a valid document: fields that are kept but have no effect."""
    return unknown_fields(definition.document, SCHEMA)


def slug(text: str) -> str:
    """The name that a character of this title gets.

    Accents are dropped, letters made lower case, white space becomes `_`; of the rest only `a-z 0-9 _ -` stay; runs of
    `_` and `-` shrink to their first; none stand at the ends; at most 64 characters. A title with nothing left (as in
    Japanese) becomes `character-` and eight digits of its hash.
    """
    plain = unicodedata.normalize("NFKD", text.strip()[:1000]).lower()
    kept = re.sub(r"[^a-z0-9_-]", "", re.sub(r"\s+", "_", plain))
    name = re.sub(r"([_-])[_-]+", r"\1", kept).strip("_-")[:MAX_NAME].rstrip("_-")
    return name or "character-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
