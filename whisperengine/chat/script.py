"""A character as prompts need it: its texts written out, its lorebook and cues compiled. Once for each version."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from whisperengine.characters.definition import Definition
from whisperengine.characters.macros import Values, expand
from whisperengine.chat import persona
from whisperengine.chat.cues import Cues
from whisperengine.chat.fences import defuse
from whisperengine.chat.lore import Lorebook

NAMELESS = "User"
"""What {{user}} stands for while the person's name is not known."""

KEPT = 256
"""Characters whose script is kept."""
PEOPLE_KEPT = 32
"""People for whom its texts are."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The texts of the stable part with macros replaced. `sections` by name in the order of the prompt."""

    author: str
    sections: Mapping[str, str]


@dataclass(frozen=True)
class Script:
    """`lines()` and what is asked of `book` and `cues` are all that changes from person to person."""

    definition: Definition
    sections: Mapping[str, str]
    book: Lorebook
    cues: Cues
    _lines: OrderedDict[tuple[str, str, str], Lines] = field(default_factory=OrderedDict)

    @property
    def problems(self) -> list[str]:
        """Sentences about patterns that match nothing."""
        return [*self.book.book.problems, *self.cues.problems]

    def lines(self, user: str, here: datetime, seed: str, original: str) -> Lines:
        """The stable texts for one person, the same all day.

        `seed` tells person and character apart, `original` is what `{{original}}` stands for in the author's system
        prompt.
        """
        key = (user, f"{here:%Y-%m-%d}", seed)
        lines = self._lines.get(key)
        if lines is None:
            values = lasting(self.definition.called, user, here, seed)
            author = replace(values, more={**values.more, "original": original})
            lines = Lines(
                defuse(expand(self.definition.text("conversation.system_prompt"), author)).strip(),
                {name: defuse(expand(text, values)) for name, text in self.sections.items()},
            )
            if len(self._lines) >= PEOPLE_KEPT:
                self._lines.popitem(last=False)
            self._lines[key] = lines
        return lines


def lasting(char: str, user: str, here: datetime, seed: str) -> Values:
    """What macros stand for in the stable part: the day holds, chance is drawn once a day, and the hour, which would
    make each prompt a new one, is pointed to.
    """
    day = here.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = "the hour told under NOW"
    return Values(char, user, day, Random(f"{seed}/{day:%Y-%m-%d}"), seed, {"time": hour, "isotime": hour})


def passing(char: str, user: str, here: datetime, seed: str, turn: int) -> Values:
    """What macros stand for behind the stable part: the moment, and chance drawn anew each turn; a turn that is taken
    again draws the same.
    """
    return Values(char, user, here, Random(f"{seed}/{turn}"), seed)


_scripts: OrderedDict[bytes, Script] = OrderedDict()
_writing = threading.Lock()


def script(definition: Definition) -> Script:
    """The script of a definition, made on first sight. That takes as long as the book is large: see `prepare`."""
    found = _scripts.get(definition.sha256)
    if found is None:
        with _writing:
            found = _scripts.get(definition.sha256) or _write(definition)
            if len(_scripts) >= KEPT:
                _scripts.popitem(last=False)
            _scripts[definition.sha256] = found
    return found


async def prepare(definition: Definition) -> Script:
    """The same without holding up the event loop."""
    if "sha256" in vars(definition) and (found := _scripts.get(definition.sha256)):
        return found
    return await asyncio.to_thread(script, definition)


def _write(definition: Definition) -> Script:
    return Script(definition, persona.sections(definition.document), Lorebook(definition.lorebook), Cues(definition))
