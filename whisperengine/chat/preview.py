"""What a character would be told: the prompt of a message that is not sent, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperengine.characters.definition import Definition
from whisperengine.characters.store import Character
from whisperengine.chat.incoming import clean_text
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person

if TYPE_CHECKING:
    from whisperengine.chat.turn import Turns

EXAMPLE = "Hello"


@dataclass(frozen=True, slots=True)
class Part:
    """One section. `role` is whose message of the model request it stands in (`talk`: both sides' messages), `cut` why
    something of it is missing; None when it is whole.
    """

    name: str
    role: str
    text: str
    tokens: int
    required: bool
    cut: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """`tokens` and `budget` are estimates (a token for four bytes). `problems` are sentences about patterns of the
    definition that match nothing.
    """

    sections: tuple[Part, ...]
    tokens: int
    budget: int
    problems: tuple[str, ...]


async def preview(
    turns: Turns,
    definition: Definition,
    *,
    character: Character | None = None,
    platform_user_id: str = "",
    message: str = "",
    channel: str = "",
) -> Preview:
    """The prompt of `message` from that person, as the API knows people, where nobody else reads; nothing is stored and
    no model is asked.

    `character` is the stored one, for what is remembered of the person; None for a definition that is not saved.
    Nobody is remembered under an id that was never seen. Raises RequestError for a message that cannot be taken.
    """
    person = await turns.rehearsal.known("api", platform_user_id) if platform_user_id else None
    place = None
    if person is not None and character is not None:
        place = Place(person.user_id, character.id, f"api:{channel or 'default'}", shared=False)
    text = clean_text(message or EXAMPLE)
    composed = await turns.rehearsal.prompt(definition, text, person or Person(0, "", "UTC"), place)
    return Preview(
        tuple(
            Part(part.name, part.role, part.text, part.tokens, part.required, part.cut or None)
            for part in composed.sections
            if part.text or part.cut
        ),
        composed.tokens,
        composed.budget,
        tuple(composed.problems),
    )
