"""The compressed stream, and what was seen of it."""

from __future__ import annotations

import collections
import json
import random
import zlib

import pytest

from whisperengine.discord.inflate import Inflater, Undecodable
from whisperengine.discord.seen import Progress, Seen


def frames(payloads: list[bytes]) -> list[bytes]:
    stream = zlib.compressobj()
    return [stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH) for payload in payloads]


def test_payloads_come_out_as_they_went_in_however_they_are_cut() -> None:
    payloads = [json.dumps({"op": 0, "s": number, "d": "x" * number * 50}).encode() for number in range(60)]
    chance = random.Random(7)
    inflater = Inflater()
    found = []
    for frame in frames(payloads):
        while frame:
            size = chance.randint(1, len(frame))
            # A cut never falls so that the rest of a frame looks whole, as Discord promises; its mark may be cut.
            if (payload := inflater.feed(frame[:size])) is not None:
                found.append(payload)
            frame = frame[size:]
    assert found == payloads


def test_an_empty_frame_does_no_harm() -> None:
    inflater = Inflater()
    assert inflater.feed(b"") is None
    assert inflater.feed(frames([b"{}"])[0]) == b"{}"


@pytest.mark.parametrize(
    "frame", [b"\x00\x00\xff\xff", b"{}\x00\x00\xff\xff", zlib.compress(b"{}") + b"\x00\x00\xff\xff"]
)
def test_what_is_no_stream_is_said_to_be_none(frame: bytes) -> None:
    inflater = Inflater()
    with pytest.raises(Undecodable):
        collections.deque(map(inflater.feed, [frame] * 3))


def test_a_bomb_is_not_unfolded() -> None:
    bomb = frames([b"0" * 50_000_000])[0]
    assert len(bomb) < 100_000
    with pytest.raises(Undecodable, match="unfolds"):
        Inflater(limit=1_000_000).feed(bomb)


def test_a_payload_without_end_is_not_collected_for_ever() -> None:
    inflater = Inflater(limit=10_000)
    with pytest.raises(Undecodable, match="larger"):
        collections.deque(map(inflater.feed, [b"x" * 1000] * 100))


def test_progress_stops_at_the_first_event_that_is_not_dealt_with() -> None:
    progress = Progress(10)
    for seq in (11, 12, 13, 14):
        progress.received(seq)
    progress.hold(12)
    progress.hold(14)
    assert progress.mark == 11
    progress.release(12)
    assert progress.mark == 13
    progress.release(14)
    assert progress.mark == 14


def test_an_event_held_twice_is_released_twice() -> None:
    progress = Progress()
    progress.received(5)
    progress.hold(5)
    progress.hold(5)
    progress.release(5)
    assert progress.mark == 4
    progress.release(5)
    assert progress.mark == 5


def test_keys_are_new_once_and_the_oldest_are_forgotten() -> None:
    seen = Seen(2)
    assert seen.first("a")
    assert not seen.first("a")
    assert seen.first("b")
    assert seen.first("c")
    assert seen.first("a")
