"""Cutting an answer into messages that Discord accepts."""

from __future__ import annotations

import re

LIMIT = 2000

_FENCE = re.compile(r"```([A-Za-z0-9_+.#-]{0,20}(?=\n))?")
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_LINE = re.compile(r"\n")
# The end of a sentence: Latin punctuation wants a space behind it, East Asian punctuation none.
_SENTENCE = re.compile(r"""(?<![.!?…])[.!?…]++["'”’»)\]*_]*+\s+|[。！？]+[”’」』）]*\s*""")
_SPACE = re.compile(r"\s+")
# What must not be torn apart where there is no space: mentions, custom emoji, time stamps.
_MARKUP = re.compile(r"<[@#a:t/][^<>\s]{1,100}>")
_OPEN_MARKUP = re.compile(r"<(?:[@#a:t/][^<>\s]{0,100})?")


def split(text: str, limit: int = LIMIT) -> list[str]:
    """Parts of at most `limit` code points (at least 100), in order; [] when there is nothing but space.

    Cut at the best place of the last part of each window: paragraph, line, sentence, word. An open code fence is
    closed at the end of a
    part and opened again, with its language, at the start of the next. As `text` grows at its end, all parts but the
    last stay as they are.
    """
    parts: list[str] = []
    rest = text.lstrip("\n\r\t ") if not text.startswith("    ") else text.lstrip("\n\r")
    fence: str | None = None
    while rest.strip():
        head = "" if fence is None else fence + "\n"
        if len(head) + len(rest.rstrip()) + 4 * _ends_open(rest, fence) <= limit:
            tail = rest.rstrip()
            parts.append(head + tail + ("\n```" if _ends_open(rest, fence) else ""))
            break
        cut = _best_cut(rest, limit - len(head) - 4)
        piece, rest = rest[:cut], rest[cut:]
        after = _fence_after(piece, fence)
        body = piece.rstrip()
        if body.strip("`\n ") or fence is None:
            parts.append(head + body + ("\n```" if after is not None else ""))
        # Inside code, indentation counts; between paragraphs, space does not.
        rest = rest.lstrip() if after is None else rest.removeprefix("\n")
        fence = after
    return [part for part in parts if part.strip()]


def _fence_after(text: str, fence: str | None) -> str | None:
    """The fence that is open at the end of `text`, as it was written, when `fence` was open at its start."""
    for found in _FENCE.finditer(text):
        fence = None if fence is not None else "```" + (found.group(1) or "")
    return fence


def _ends_open(text: str, fence: str | None) -> bool:
    return _fence_after(text, fence) is not None


def _best_cut(text: str, size: int) -> int:
    """Index behind which to cut, at most `size`, which is less than the length of `text`.

    Better kinds of places win unless they would leave the part less than half or a third full. What follows the
    first `size` + 1 characters has no say: it may not have been written yet.
    """
    window = text[: size + 1]
    for pattern, least in ((_PARAGRAPH, size // 2), (_LINE, size // 2), (_SENTENCE, size // 3), (_SPACE, size // 3)):
        ends = [found.end() for found in pattern.finditer(window, 0, size) if found.end() > least]
        # A match that reaches the edge may go on behind it, and would then be cut elsewhere once more text is there.
        for end in reversed(ends):
            if end < size and _safe(window, end):
                return end
    cut = size
    while cut > size // 2 and not _safe(window, cut):
        cut -= 1
    return cut


def _safe(window: str, cut: int) -> bool:
    """Whether a cut tears nothing: no run of backticks, no markup, no character and its combining marks."""
    if "```" in window[max(0, cut - 2) : cut + 2] and window[cut - 1 : cut] == "`":
        return False
    following = window[cut : cut + 1]
    if following and (
        following in "\u200d\ufe0f\u20e3" or 0x300 <= ord(following) <= 0x36F or window[cut - 1] == "\u200d"
    ):
        return False
    if "\U0001f3fb" <= following <= "\U0001f3ff":
        return False
    start = window.rfind("<", max(0, cut - 102), cut)
    if start < 0:
        return True
    found = _MARKUP.match(window, start)
    if found:
        return found.end() <= cut
    # The window may end inside a mention.
    return _OPEN_MARKUP.fullmatch(window, start) is None
