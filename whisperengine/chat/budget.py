"""Sections of a prompt, what they cost, and what goes when there is not room for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOO_LARGE = "the character is larger than the model's context allows"
LEAST_KEPT = 50
"""Tokens that are left of a section that is shortened."""

# What goes first when a character is too large, down to what is needed least for its voice to be heard.
_FIRST_TO_GO = ("examples", "interests", "background", "emotions", "scene", "conduct", "voice")


@dataclass(slots=True)
class Section:
    """One part of the prompt. `tokens` is what remained of it, `cut` says why something is missing."""

    name: str
    text: str
    tokens: int
    required: bool = False
    cut: str = ""
    role: str = "system"


def count_tokens(text: str) -> int:
    """An estimate that suits byte-pair vocabularies: a token for four bytes of UTF-8, and one for the turn's frame."""
    return len(text.encode("utf-8", "replace")) // 4 + 1


def section(name: str, text: str, *, required: bool = False, role: str = "system") -> Section:
    return Section(name, text, count_tokens(text) if text else 0, required, "", role)


def leave_out(part: Section, why: str) -> None:
    part.text, part.tokens, part.cut = "", 0, why


def shorten(part: Section, tokens: int, why: str) -> None:
    """Cut the end off a section, so that at most `tokens` remain."""
    if part.tokens > tokens:
        part.text = part.text.encode("utf-8", "replace")[: max(tokens - 2, 0) * 4].decode("utf-8", "ignore") + " …"
        part.tokens, part.cut = count_tokens(part.text), why


def fit_stable(parts: Sequence[Section], allowed: int, fixed: str) -> None:
    """Bring the stable part down to `allowed` tokens: whole sections go first, then the longest are shortened.

    The section named `fixed` is never touched. Nothing here depends on the turn, so a character that is too large is
    cut the same way each time.
    """
    total = sum(part.tokens for part in parts)
    rank = {name: number for number, name in enumerate(_FIRST_TO_GO)}
    for part in sorted(parts, key=lambda part: rank.get(part.name, len(rank))):
        if total > allowed and not part.required:
            total -= part.tokens
            leave_out(part, f"left out: {TOO_LARGE}")
    for part in sorted(parts, key=lambda part: -part.tokens):
        if total > allowed and part.name != fixed:
            before = part.tokens
            shorten(part, max(before - (total - allowed), LEAST_KEPT), f"shortened: {TOO_LARGE}")
            total -= before - part.tokens


def fitting(texts: Iterable[str], allowed: int) -> tuple[list[str], int]:
    """Texts from the first on that fit, and the tokens that remain."""
    kept: list[str] = []
    for text in texts:
        tokens = count_tokens(text)
        if tokens > allowed:
            break
        allowed -= tokens
        kept.append(text)
    return kept, allowed
