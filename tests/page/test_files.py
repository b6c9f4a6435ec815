"""The files of the page as they are served."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re

import pytest

from tests.support import service as services
from tests.support.service import Client

BROWSER = {"Accept": "text/html"}


async def test_the_page_is_served_with_a_policy_that_names_its_scripts_by_hash(offline: Client):
    status, html, headers = await offline.request("GET", "/")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts
    assert "unsafe" not in scripts[1]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    for attributes, body in re.findall(r"<script\b([^>]*)>(.*?)</script>", html, re.DOTALL):
        if " src=" not in attributes:
            assert f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" in scripts[1]


async def test_files_named_by_content_are_kept_for_ever_and_pages_are_asked_for_again(offline: Client):
    _, html, headers = await offline.request("GET", "/")
    assert headers["Cache-Control"] == "no-cache"
    status, _, again = await offline.request("GET", "/", headers={"If-None-Match": headers["ETag"]})
    assert (status, again["ETag"]) == (304, headers["ETag"])
    script = re.search(r'src="(/_next/static/[^"]+\.js)"', html)
    assert script
    _, _, headers = await offline.request("GET", script[1])
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Type"].startswith("text/javascript")


async def test_what_takes_gzip_gets_it_and_head_tells_the_same(offline: Client):
    async with offline.session.get(f"{offline.url}/", headers={"Accept-Encoding": "identity"}) as response:
        plain, tag = await response.read(), response.headers["ETag"]
    request = offline.session.request(
        "GET", f"{offline.url}/", headers={"Accept-Encoding": "br, gzip"}, auto_decompress=False
    )
    async with request as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["ETag"] != tag
        packed = await response.read()
    assert gzip.decompress(packed) == plain
    async with offline.session.head(f"{offline.url}/", headers={"Accept-Encoding": "gzip"}) as response:
        assert int(response.headers["Content-Length"]) == len(packed)
        assert await response.read() == b""
    async with offline.session.get(f"{offline.url}/", headers={"Accept-Encoding": "gzip;q=0"}) as response:
        assert "Content-Encoding" not in response.headers


async def test_a_path_that_there_is_not_is_told_in_the_form_that_was_asked_for(offline: Client):
    status, html, headers = await offline.request("GET", "/nothing", headers=BROWSER)
    assert status == 404
    assert "There is no such page" in html
    assert "script-src" in headers["Content-Security-Policy"]
    status, body, _ = await offline.request("GET", "/nothing", headers={"Accept": "application/json"})
    assert (status, body["code"]) == (404, "not_found")
    assert (await offline.request("GET", "/api/nothing", headers=BROWSER))[1]["code"] == "not_found"
    async with offline.session.get(f"{offline.url}/memory?part=facts", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (308, "/memory/?part=facts")


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/..%2f..%2fpyproject.toml",
        "/%2e%2e/%2e%2e/pyproject.toml",
        "/_next/../../package.json",
        "/_next/%2e%2e/%2e%2e/package.json",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/..\\..\\package.json",
        "/index.html.gz",
        "/.npmrc",
        "/\0",
    ],
)
async def test_no_path_leads_out_of_the_build(offline: Client, path: str):
    host, port = offline.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    assert answer.split()[1] in (b"400", b"404"), answer[:200]


async def test_the_page_is_open_where_a_key_is_asked_for_and_what_it_asks_for_is_not(database: str):
    settings = services.test_config(database_url=database, api_key="the-key-of-the-environment")
    async with services.running(settings) as client:
        assert (await client.request("GET", "/memory/"))[0] == 200
        assert (await client.get("/api/characters"))[0] == 401
        assert (await client.get("/status"))[0] == 401
        status, body = await client.get("/api/session")
        assert (status, body["required"], body["authenticated"]) == (200, True, False)
