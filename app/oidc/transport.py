"""HTTP to the identity provider, bounded: what it answers is no larger than this, and never unpacked."""

import ssl
from collections.abc import AsyncIterator
from functools import cache
from typing import Final

import httpx2

LONGEST_ANSWER: Final = 256 * 1024
"""Bytes. Google's keys take 2 KiB, a token with 500 groups some 50."""
SECONDS: Final = 5.0
"""For a connection, and for each piece of an answer."""


class AnswerTooLong(httpx2.TransportError):
    """The provider answers more than we read."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """The network, with a bound on each answer."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=_trusted())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One exchange. A packed answer could be small here and large in memory, so none is asked for or taken."""
        request.headers["Accept-Encoding"] = "identity"
        answer = await self._inner.handle_async_request(request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        if answer.headers.get("content-encoding", "identity") != "identity":
            await answer.stream.aclose()
            raise AnswerTooLong("the answer is packed")
        answer.stream = _BoundedStream(answer.stream)
        return answer

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for chunk in self._inner:
            length += len(chunk)
            if length > LONGEST_ANSWER:
                raise AnswerTooLong(f"the answer is longer than {LONGEST_ANSWER} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()  # takes a while to read, so once
