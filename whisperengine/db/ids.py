"""64-bit ids made by the application: ordered by time, unique over processes, so that no sequence is shared between
shards.

Layout, after Twitter's snowflake: 41 bits of milliseconds since 2015-01-01, 10 bits drawn at random when the process
starts, 12 bits of counter.
"""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
_COUNTER_BITS = 12
_NODE_BITS = 10
_SHIFT = _COUNTER_BITS + _NODE_BITS

_lock = threading.Lock()
_node = secrets.randbits(_NODE_BITS)
_last_ms = 0
_counter = 0


def new_id() -> int:
    """A positive 63-bit id, greater than every id that this process made before, whatever the clock does."""
    global _last_ms, _counter
    with _lock:
        now = int(time.time() * 1000)
        if now > _last_ms:
            _last_ms, _counter = now, 0
        else:
            _counter += 1
            if _counter >> _COUNTER_BITS:
                _last_ms, _counter = _last_ms + 1, 0
        return ((_last_ms - EPOCH_MS) << _SHIFT) | (_node << _COUNTER_BITS) | _counter


def id_at(moment: datetime) -> int:
    """The smallest id that could be made at `moment`; for ranges of time over ids."""
    return max(0, int(moment.timestamp() * 1000) - EPOCH_MS) << _SHIFT


def time_of(id: int) -> datetime:
    """When an id was made (UTC, to the millisecond)."""
    return datetime.fromtimestamp(((id >> _SHIFT) + EPOCH_MS) / 1000, UTC)
