"""HTTP to a model endpoint: connect, send, read, each bounded in time and size, each failure with its own error."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import aiohttp

from whisperengine import __version__
from whisperengine.llm.addresses import REFUSED, Resolver, is_refused_url
from whisperengine.llm.endpoint import Endpoint
from whisperengine.llm.failures import Failures

log = logging.getLogger(__name__)


class Transport:
    """One connection pool for any number of endpoints. Deadlines are in loop time."""

    def __init__(self, session: aiohttp.ClientSession | None) -> None:
        """`session` stays the caller's to close; without one the first request opens one of our own."""
        self._session = session
        self._owned = session is None

    async def close(self) -> None:
        if self._owned and self._session:
            await self._session.close()
            self._session = None

    async def send(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        failures: Failures,
        deadline: float,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Send and wait for the headers; the caller closes the response. Raises LLMUnreachable or LLMTimeout."""
        # Unlimited: how many may ask is decided where requests come in; a queue here would look like a dead endpoint.
        self._session = self._session or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=Resolver())
        )
        if is_refused_url(endpoint.url):
            raise failures.unreachable(REFUSED)
        headers = {
            "Accept": "text/event-stream, application/json",
            # Proxies hold compressed streams back, and a small body could unpack to a huge one.
            "Accept-Encoding": "identity",
            "User-Agent": f"whisperengine/{__version__}",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        if endpoint.api_key:
            headers["Authorization"] = f"Bearer {endpoint.api_key}"
        wait = endpoint.connect_timeout
        try:
            async with asyncio.timeout_at(deadline):
                return await self._session.request(
                    method,
                    endpoint.address(path),
                    data=body,
                    headers=headers,
                    # A redirect could carry the key and the conversation to a host that nobody configured.
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=wait, sock_connect=wait),
                )
        except aiohttp.ServerTimeoutError as error:
            raise failures.unreachable(f"no connection within {wait:g} s") from error
        except TimeoutError as error:
            raise failures.timeout(f"did not begin to answer within {endpoint.timeout:g} s") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise failures.unreachable("its certificate is not valid") from error
        except aiohttp.ClientConnectorError as error:
            raise failures.unreachable(error.os_error.strerror or type(error.os_error).__name__) from error
        except ValueError as error:
            # Neither chained nor quoted: these errors hold the address or the header as it is, the key included.
            log.debug("request to %s could not be written: %s", failures.host, type(error).__name__)
            raise failures.unreachable("the address or the key holds characters that cannot be sent") from None
        except (aiohttp.ClientError, OSError) as error:
            raise failures.unreachable("the connection broke before an answer") from error


async def read_document(response: aiohttp.ClientResponse, limit: int, failures: Failures, deadline: float) -> Any:
    """The body as JSON, else as text; no more than `limit` bytes are read. Closes the response. Raises LLMError."""
    body = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            while len(body) <= limit and (chunk := await response.content.readany()):
                body += chunk
    except TimeoutError as error:
        raise failures.timeout("did not finish its answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise failures.broken("the connection was cut") from error
    finally:
        response.close()
    text = body[:limit].decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
