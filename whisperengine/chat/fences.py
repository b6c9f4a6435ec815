"""Marks between what the service says to the model and what others wrote.

Whatever comes from outside stands between a pair of marks, and is rid of marks of its own: of ours, and of those by
which chat templates tell roles apart, which some model servers read wherever they stand.
"""

from __future__ import annotations

import re

MARKS = ("author", "character", "lore", "memories", "note", "scene")

# Letters that are not seen, and wide ones, count for nothing: what a model reads is the mark all the same.
_UNSEEN = r"\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_GAP = rf"[\s{_UNSEEN}]*+"


def _spelt(mark: str) -> str:
    return rf"[{_UNSEEN}]*+".join(f"[{letter}{chr(ord(letter) - ord('a') + ord('ａ'))}]" for letter in mark)


# Also a bracket at the very end: what is put behind the text must not make a mark of it. And no end of the word is
# asked for: it may be cut away.
_MARK = "|".join(map(_spelt, MARKS))
_OWN = re.compile(rf"(?<![<＜﹤])[<＜﹤]++({_GAP}(?:[/／∕⁄]{_GAP})?(?:{_MARK}|\Z))", re.IGNORECASE)
_TEMPLATE = re.compile(
    r"<([|｜]|/?(?:start|end)_of_turn>|/?s>|/?[be]os>|/?tool_(?:call|response)s?>|sop>|extra_id_\d+>|reserved_\d+>)"
    r"|<<(/?SYS>>)|\[(/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|gMASK)\])",
    re.IGNORECASE,
)
# Copies of the ASCII letters that nobody sees and models read. They also spell the flags of parts of countries.
_HIDDEN = re.compile(r"(\U0001f3f4[\U000e0061-\U000e007a]{1,7}\U000e007f)|[\U000e0000-\U000e007f]+")
_SUSPECT = re.compile(r"[<＜﹤\[\U000e0000-\U000e007f]")


def defuse(text: str) -> str:
    """Text from outside, so that it cannot step out of the block that holds it, and says nothing that is not seen."""
    if ("<" in text or "[" in text) if text.isascii() else _SUSPECT.search(text):
        text = _HIDDEN.sub(r"\1", text)
        text = _OWN.sub(r"‹\1", text)
        text = _TEMPLATE.sub(lambda mark: "‹" + next(filter(None, mark.groups())), text)
    return text


def fenced(mark: str, text: str) -> str:
    """`text`, defused already, in its block; "" stays ""."""
    return f"<{mark}>\n{text}\n</{mark}>" if text else ""


def one_line(text: str, longest: int = 80) -> str:
    """A name from outside: no line of its own, no marks, at most `longest` characters."""
    return defuse(" ".join(text.split()))[:longest]
