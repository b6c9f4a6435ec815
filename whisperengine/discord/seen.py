"""What has been seen and what has been dealt with: events may come twice, and a process may die between the two."""

from __future__ import annotations

from collections import OrderedDict


class Progress:
    """The number up to which every event of a session has been dealt with.

    This, not the last number received, is what a later process resumes from: Discord then sends again what this one
    never finished.
    """

    def __init__(self, seq: int | None = None) -> None:
        self._last = seq
        self._held: dict[int, int] = {}

    def received(self, seq: int) -> None:
        if self._last is None or seq > self._last:
            self._last = seq

    def hold(self, seq: int) -> None:
        self._held[seq] = self._held.get(seq, 0) + 1

    def release(self, seq: int) -> None:
        left = self._held.get(seq, 0) - 1
        if left > 0:
            self._held[seq] = left
        else:
            self._held.pop(seq, None)

    @property
    def mark(self) -> int | None:
        if not self._held:
            return self._last
        return max(0, min(self._held) - 1)


class Seen:
    """Remembers the last `limit` keys."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: OrderedDict[str, None] = OrderedDict()

    def first(self, key: str) -> bool:
        """Whether `key` is new; from now on it is not."""
        if key in self._keys:
            self._keys.move_to_end(key)
            return False
        self._keys[key] = None
        if len(self._keys) > self._limit:
            self._keys.popitem(last=False)
        return True
