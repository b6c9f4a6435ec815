"""What is sent by those who look for a gap between two readers of HTTP: raw bytes on raw sockets."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import pairwise
from urllib.parse import urlsplit

from tests.support import service as services
from tests.support.service import Client
from whisperengine.api import callers

KEY = "the-right-key"
BODY = b'{"user_id": "sam", "message": "Hi"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
SMUGGLED = b"GET /api/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def answers(client: Client, raw: bytes) -> list[bytes]:
    """Every answer that comes to `raw` until the service closes the connection."""
    parts = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(raw)
        async with asyncio.timeout(30):
            text = await reader.read()
    finally:
        writer.close()
    begins = [found.start() for found in re.finditer(rb"HTTP/1\.[01] [1-5][0-9][0-9] ", text)]
    return [text[begin:end] for begin, end in pairwise([*begins, len(text)])]


def post(headers: bytes, body: bytes, *, line: bytes = b"POST /api/chat HTTP/1.1\r\n") -> bytes:
    return line + b"Host: localhost\r\n" + headers + b"\r\n" + body


CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
AMBIGUOUS = {
    "two lengths": post(LENGTH + b"Content-Length: 5\r\n", BODY),
    "one length twice": post(LENGTH + LENGTH, BODY),
    "a list of lengths": post(b"Content-Length: %d, %d\r\n" % (len(BODY), len(BODY)), BODY),
    "length and chunks": post(LENGTH + b"Transfer-Encoding: chunked\r\n", CHUNKED),
    "chunks and length": post(b"Transfer-Encoding: chunked\r\n" + LENGTH, CHUNKED),
    "a length with a sign": post(b"Content-Length: +%d\r\n" % len(BODY), BODY),
    "a negative length": post(b"Content-Length: -1\r\n", BODY),
    "a length in hexadecimal": post(b"Content-Length: 0x%x\r\n" % len(BODY), BODY),
    "a length with an underscore": post(b"Content-Length: 3_5\r\n", BODY),
    "an unknown coding": post(b"Transfer-Encoding: chunked, cow\r\n", CHUNKED),
    "a coding with a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKED),
    "a blank before the colon": post(b"Content-Length : %d\r\n" % len(BODY), BODY),
    "a folded header": post(LENGTH + b"X-Folded: one\r\n two\r\n", BODY),
    "a bare line feed in a header": post(LENGTH + b"X-One: 1\nX-Two: 2\r\n", BODY),
    "bare line feeds alone": post(LENGTH, BODY).replace(b"\r\n", b"\n"),
    "a bare carriage return": post(LENGTH + b"X-One: 1\rX-Two: 2\r\n", BODY),
    "a NUL in a header": post(LENGTH + b"X-One: a\0b\r\n", BODY),
    "a blank in a header's name": post(LENGTH + b"X One: 1\r\n", BODY),
    "a wrong size of a chunk": post(b"Transfer-Encoding: chunked\r\n", b"zz\r\nxx\r\n0\r\n\r\n"),
    "a size of a chunk with a sign": post(b"Transfer-Encoding: chunked\r\n", b"+5\r\nhello\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": post(b"Transfer-Encoding: chunked\r\n", b"1\r\nhello\r\n0\r\n\r\n"),
    "an extension of a chunk with a line feed": post(
        b"Transfer-Encoding: chunked\r\n", b"5;x\nAA\r\nhello\r\n0\r\n\r\n"
    ),
    "an unknown version": post(LENGTH, BODY, line=b"POST /api/chat HTTP/9.9\r\n"),
    "a second word in the version": post(LENGTH, BODY, line=b"POST /api/chat HTTP/1.1 HTTP/1.1\r\n"),
    "no method": post(LENGTH, BODY, line=b" /api/chat HTTP/1.1\r\n"),
    "two hosts": b"GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
}


async def test_a_request_that_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(offline: Client):
    for name, raw in AMBIGUOUS.items():
        found = await answers(offline, raw + SMUGGLED)
        assert [answer.split()[1] for answer in found] == [b"400"], (name, found)
        assert b'"keys"' not in found[0]


async def test_requests_that_follow_each_other_are_read_as_they_are(offline: Client):
    found = await answers(offline, post(LENGTH, BODY) + post(b"Transfer-Encoding: chunked\r\n", CHUNKED) + SMUGGLED)
    assert [answer.split()[1] for answer in found] == [b"200", b"200", b"200"]


INJECTED = ("a%0D%0AX-Injected:%201", "a%0AX-Injected:%201", "a%0DX-Injected:%201", "%250d%250aX-Injected:%25201")


async def test_nothing_that_a_caller_sends_becomes_a_header_of_the_answer(offline: Client):
    await offline.say("Hello")
    paths = (
        "/api/users/sam/export?format=",
        "/api/users/",
        "/api/characters/assistant/export?format=",
        "/api/characters/",
        "/v1/models/",
        "/",
    )
    for path in (path + value for path in paths for value in INJECTED):
        raw = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode()
        head = (await answers(offline, raw))[0].partition(b"\r\n\r\n")[0]
        assert b"\nx-injected" not in head.lower(), path


async def test_a_header_without_end_and_a_line_without_end_are_not_kept(offline: Client):
    for raw in (
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-Many: 1\r\n" * 100_000 + b"\r\n",
    ):
        try:
            found = await answers(offline, raw)
        except ConnectionError:
            continue
        assert not found or found[0].split()[1] in (b"400", b"431", b"414"), found[0][:80]
    assert (await offline.get("/health"))[0] == 200


async def test_who_tries_keys_is_slowed_and_neither_the_right_key_nor_others_are_locked_out(database: str):
    settings = services.test_config(database_url=database, api_key=KEY, trusted_proxies=("127.0.0.1",))

    async def tried(client: Client, key: str, address: str) -> tuple[int, dict, dict]:
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
        return await client.request("GET", "/status", headers=headers)

    async with services.running(settings) as client:
        status, made, _ = await client.request(
            "POST", "/api/keys", json={"scope": "admin"}, headers={"Authorization": f"Bearer {KEY}"}
        )
        assert status == 201
        for number in range(callers.FAILURES_MOST):
            assert (await tried(client, f"{made['key'][:11]}_{number}", "203.0.113.9"))[0] == 401
        status, body, headers = await tried(client, "we_00000000_guess", "203.0.113.9")
        assert (status, body["code"]) == (429, "too_many_wrong_keys")
        assert 0 < int(headers["Retry-After"]) <= 60
        # Not even a right one that was not seen before: else the brake would only hide which guess was right.
        assert (await tried(client, made["key"], "203.0.113.9"))[0] == 429
        assert (await tried(client, KEY, "203.0.113.9"))[0] == 200
        assert (await tried(client, made["key"], "203.0.113.10"))[0] == 200


async def test_a_body_is_never_read_beyond_its_limit(offline: Client):
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    parts = urlsplit(offline.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head + json.dumps({"x": "y" * 1_200_000}).encode())
    async with asyncio.timeout(30):
        assert b" 413 " in await reader.readline()
    writer.close()
