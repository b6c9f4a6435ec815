"""What of a model's output is the answer: reasoning, padding and characters that cannot be stored are left out."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


_PIECES_MOST = 64


class Pieces:
    """A text that grows by small pieces. They are joined as they come: a word by itself costs ten times its letters."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def append(self, piece: str) -> None:
        self._pieces.append(piece)
        if len(self._pieces) >= _PIECES_MOST:
            self._pieces = [self.text]

    @property
    def text(self) -> str:
        return "".join(self._pieces)


class AnswerText:
    """Takes a model's text in pieces and gives the part that may be shown by now.

    `<think>…</think>` at the start is dropped, as are white space around the answer and NUL characters. Surrogate pairs
    that a server split between two pieces are joined; halves without a partner become U+FFFD. What was given out,
    joined, is exactly the answer.
    """

    def __init__(self, limit: int) -> None:
        """`limit`: most characters of the answer; `full` is true once they are reached."""
        self._limit = limit
        self._shown = Pieces()
        self._length = 0
        self._held = ""
        self._half = ""
        self._started = False
        self.thinking = False
        self.full = False

    @property
    def text(self) -> str:
        return self._shown.text

    def feed(self, piece: str) -> str:
        piece = self._half + piece
        self._half = ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return self._pass(_storable(piece))

    def close(self) -> str:
        """What was held back because it might have become `<think>`; nothing may be fed afterwards."""
        if self._started or self.thinking:
            return ""
        self._started = True
        return self._show("")

    def _pass(self, piece: str) -> str:
        while not self._started:
            self._held += piece
            piece = ""
            if self.thinking:
                _, closed, rest = self._held.partition(_CLOSE)
                if not closed:
                    self._held = self._held[-len(_CLOSE) :]
                    return ""
                self.thinking, self._held = False, rest
            self._held = self._held.lstrip()
            if self._held.startswith(_OPEN):
                self.thinking, self._held = True, self._held.removeprefix(_OPEN)
            elif _OPEN.startswith(self._held):
                return ""
            else:
                self._started = True
        return self._show(piece)

    def _show(self, piece: str) -> str:
        piece = self._held + piece
        shown = piece.rstrip()
        # White space is held until something follows it, so that the pieces never hold more than the answer.
        self._held = piece[len(shown) :]
        self.full = self._length + len(piece) >= self._limit
        shown = shown[: self._limit - self._length]
        self._length += len(shown)
        if shown:
            self._shown.append(shown)
        return shown


def _storable(text: str) -> str:
    if text.isascii():
        return text.replace("\0", "")
    return text.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
