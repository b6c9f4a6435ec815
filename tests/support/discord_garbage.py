"""Payloads that a gateway should never send."""

from __future__ import annotations

import zlib
from typing import Any

GARBAGE: list[Any] = [
    "{", "", "null", "[]", "7", '"x"', "{}", '{"op":null}', '{"op":"x"}', '{"op":99,"d":1}', '{"op":0}',
    '{"op":0,"t":null,"s":null,"d":{}}', '{"op":0,"t":"MESSAGE_CREATE","s":"x","d":null}',
    '{"op":0,"t":"MESSAGE_CREATE","s":null,"d":{}}', '{"op":0,"t":"MESSAGE_CREATE","s":null,"d":{"author":7,"id":[]}}',
    '{"op":0,"t":"READY","s":null,"d":{}}', '{"op":10,"d":{}}', '{"op":10,"d":{"heartbeat_interval":-5}}',
    '{"op":0,"t":"NEW_EVENT","s":null,"d":[1]}', '{"op":9}', "[" * 100_000, b"\xff\xfe\x00", '{"op":11,"d":{"x":1}}',
    '{"op":0,"t":"GUILD_CREATE","s":true,"d":{"channels":"x","roles":9}}', "\u2028" * 50,
]  # fmt: skip

FRAMES: list[str | bytes] = [b"no zlib\x00\x00\xff\xff", zlib.compress(b"{}"), "plain text", '{"op":1,"d":null}']
"""Frames outside the compressed stream."""
