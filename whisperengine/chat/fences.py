"""Marks between what the service says to the model and what others wrote.

Whatever comes from outside stands between a pair of marks, and is rid of marks of its own: of ours, and of those by
which chat templates tell roles apart, which some model servers read wherever they stand.
"""

from __future__ import annotations

import re

MARKS = ("author", "character", "lore", "memories", "note", "scene")

# Letters that are not seen count as white space: what a model reads is the mark all the same.
_GAP = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]*"
_OWN = re.compile(rf"[<＜]{_GAP}([/／]?){_GAP}({'|'.join(MARKS)})\b", re.IGNORECASE)
_TEMPLATE = re.compile(r"<(\||/?(?:start|end)_of_turn>)|<<(/?SYS>>)|\[(/?INST\])", re.IGNORECASE)


def defuse(text: str) -> str:
    """Text from outside, so that it cannot step out of the block that holds it."""
    if "<" in text or "＜" in text or "[" in text:
        text = _OWN.sub(r"‹\1\2", text)
        text = _TEMPLATE.sub(lambda mark: "‹" + next(filter(None, mark.groups())), text)
    return text


def fenced(mark: str, text: str) -> str:
    """`text`, defused already, in its block; "" stays ""."""
    return f"<{mark}>\n{text}\n</{mark}>" if text else ""


def one_line(text: str, longest: int = 80) -> str:
    """A name from outside: no line of its own, no marks, at most `longest` characters."""
    return defuse(" ".join(text.split()))[:longest]
