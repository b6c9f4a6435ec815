"""Kinds of facts: in which slot a fact of a kind stands, and how it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from whisperengine.llm.asking import plain
from whisperengine.memory.facts import Learned

SURE, LIKELY, FAIR = 0.9, 0.8, 0.7


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact without its source. `about` and `value` are what its kind's templates name."""

    kind: str
    about: str
    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Kind:
    """`slot` and `text` are templates over {about} and {value}.

    A slot that does not name the value holds one value at a time. `values` are the only ones allowed, where they are
    few; `named` says that {about} must be given.
    """

    slot: str
    text: str
    values: frozenset[str] = frozenset()

    @property
    def named(self) -> bool:
        return "{about}" in self.slot


KINDS = {
    "name": Kind("name", "name: {value}"),
    "nickname": Kind("nickname", "called {value}"),
    "pronouns": Kind("pronouns", "pronouns: {value}"),
    "birthday": Kind("birthday", "birthday: {value}"),
    "age": Kind("age", "{value} years old"),
    "time_zone": Kind("time_zone", "time zone: {value}"),
    "lives_in": Kind("lives_in", "lives in {value}"),
    "from": Kind("from", "comes from {value}"),
    "job": Kind("job", "job: {value}"),
    "employer": Kind("employer", "works at {value}"),
    "studies": Kind("studies", "studies {value}"),
    "status": Kind("status", "{value}"),
    "diet": Kind("diet", "{value}"),
    "taste": Kind("taste:{about}", "{value} {about}", frozenset({"likes", "dislikes"})),
    "allergy": Kind("allergy:{about}", "{value} to {about}", frozenset({"allergic", "not allergic"})),
    "relative": Kind("relative:{about}:{value}", "{about}: {value}"),
    "pet": Kind("pet:{about}:{value}", "{about}: {value}"),
    "has": Kind("has:{about}", "has {value} {about}"),
    "favourite": Kind("favourite:{about}", "favourite {about}: {value}"),
    "language": Kind(
        "language:{about}", "{value} {about}", frozenset({"speaks", "learning", "native speaker of", "does not speak"})
    ),
    "plays": Kind("plays:{about}", "{value} {about}", frozenset({"plays", "does not play"})),
    "note": Kind("note:{value}", "{value}"),
}

# Of these everybody has one at a time, so that a new name supersedes the old one.
ONE_OF_A_KIND = frozenset(
    {"mother", "father", "wife", "husband", "girlfriend", "boyfriend", "fiancé", "partner", "boss"}
)

_SPACE = re.compile(r"\s+")


def learned(
    kind: str, about: str, value: str, *, confidence: float, origin: str, message_id: int | None, said_at: datetime
) -> Learned:
    """A fact of one of the KINDS in its slot."""
    about, value = _SPACE.sub(" ", about).strip(), _SPACE.sub(" ", value).strip()
    form = KINDS[kind]
    slot = form.slot
    if kind == "relative" and about in ONE_OF_A_KIND:
        slot = "relative:{about}"
    return Learned(
        kind=kind,
        slot=slot.format(about=_key(about), value=_key(value)),
        value=value,
        text=form.text.format(about=about, value=value),
        confidence=confidence,
        origin=origin,
        message_id=message_id,
        said_at=said_at,
    )


def _key(text: str) -> str:
    return plain(text)[:100]
