"""A well-behaved web host on loopback that serves given bytes and counts what its visitors do."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from asyncio.trsock import TransportSocket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

ADDRESS = "127.0.0.1"


class ThreadedServer(ABC):
    """A server on a free loopback port, with an event loop and a thread of its own; a context manager."""

    def __init__(self) -> None:
        self._bound: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=type(self).__name__)

    @property
    def port(self) -> int:
        return self._bound.result()

    @property
    def host(self) -> str:
        return f"{ADDRESS}:{self.port}"

    @property
    def url(self) -> str:
        """The URL of the root, with its slash: append a path without one."""
        return f"http://{self.host}/"

    def start(self) -> Self:
        """Start serving; raises what kept the server from listening."""
        self._thread.start()
        self._bound.result()
        return self

    def close(self) -> None:
        """Stop, whatever is under way, and wait until nothing is left of it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    async def _open(self) -> int:
        """Listen, and return the port."""

    @abstractmethod
    async def _close(self) -> None:
        """End every connection."""

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            port = await self._open()
        except BaseException as error:
            self._bound.set_exception(error)
            return
        self._bound.set_result(port)
        await self._stop.wait()
        await self._close()
        await _end_what_began_late()


async def _accept_no_more(*listening: socket.socket | TransportSocket) -> None:
    """Stop accepting, and let the server take over what was accepted: once closed it would leave that socket open."""
    for one in listening:
        asyncio.get_running_loop().remove_reader(one.fileno())
    await asyncio.sleep(0)  # the first step of the task that takes a socket
    await asyncio.sleep(0)  # the beginning of its conversation


async def _end_what_began_late() -> None:
    """End what began while the server closed, such as a handshake of TLS that does not go on."""
    while late := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in late:
            task.cancel()
        await asyncio.wait(late)
    await asyncio.sleep(0)  # a transport that was closed lets go of its socket only now


class ConversingServer(ThreadedServer):
    """A server that answers each connection by a conversation of its own: whoever closes it ends them all."""

    def __init__(self) -> None:
        super().__init__()
        self._conversations: set[asyncio.Task[None]] = set()

    async def _listen(self, context: ssl.SSLContext | None = None) -> int:
        # A callback of ours, not a coroutine: asyncio then leaves the tasks, and their end, to us.
        self._server = await asyncio.start_server(self._accept, ADDRESS, 0, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def _open(self) -> int:
        return await self._listen()

    async def _close(self) -> None:
        await _accept_no_more(*self._server.sockets)
        self._server.close()
        while self._conversations:  # one whose client came at the last moment begins only now
            for conversation in self._conversations:
                conversation.cancel()
            await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)
        # Not at the end of the task itself: one that is cancelled before its first step has no end of its own.
        conversation.add_done_callback(lambda _: writer.transport.abort())

    @abstractmethod
    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""


Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Resource:
    """What one path answers; a callable body is called at each request, or is the whole answer if it is async."""

    content_type: str | None
    body: bytes | Callable[[], bytes] | Answer = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class SyntheticHost(ThreadedServer):
    """Serves `resources`, a dict of path (with its query, if it matters) to a Resource or a tuple of its fields.

    The dict may change while it is served. `delay` seconds pass before each answer. `requests` logs the path
    and headers of each request, in order of arrival, but for robots.txt, which `robots_requests` counts.
    """

    def __init__(self, resources: Mapping[str, Resource | tuple[object, ...]], *, delay: float = 0.0) -> None:
        super().__init__()
        self.resources = dict(resources)
        self.delay = delay
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.robots_requests = 0
        self.connections_seen = 0
        self.max_connections_seen = 0
        self.max_concurrent_requests_seen = 0
        self._open_requests = 0

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order of arrival."""
        return [path for path, _ in self.requests]

    async def _open(self) -> int:
        # aiohttp takes 0 for no limit at all.
        self._runner = web.ServerRunner(_CountingServer(self, self._answer), shutdown_timeout=0.01)
        await self._runner.setup()
        self._listening = socket.create_server((ADDRESS, 0))
        await web.SockSite(self._runner, self._listening).start()
        return int(self._listening.getsockname()[1])

    async def _close(self) -> None:
        await _accept_no_more(self._listening)
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path == "/robots.txt":
            self.robots_requests += 1
        else:
            self.requests.append((request.raw_path, request.headers.copy()))
        self._open_requests += 1
        self.max_concurrent_requests_seen = max(self.max_concurrent_requests_seen, self._open_requests)
        try:
            await asyncio.sleep(self.delay)
            return await self._respond(request)
        finally:
            self._open_requests -= 1

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path
        found = self.resources.get(path, self.resources.get(path.partition("?")[0]))
        if found is None:
            return web.Response(status=404, text="Not found")
        resource = found if isinstance(found, Resource) else Resource(*found)  # type: ignore[arg-type]
        body = resource.body
        if asyncio.iscoroutinefunction(body):
            return await body(request)
        headers = dict(resource.headers)
        if resource.content_type is not None:
            headers["Content-Type"] = resource.content_type
        return web.Response(body=body() if callable(body) else body, headers=headers, status=resource.status)  # type: ignore[call-arg]


class _CountingServer(web.Server):
    """Counts TCP connections where the server sees them, not where a client says it opens them."""

    def __init__(self, host: SyntheticHost, handler: Answer) -> None:
        super().__init__(handler)
        self._host = host
        self._open_connections: set[object] = set()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._open_connections.add(handler)
        self._host.connections_seen += 1
        self._host.max_connections_seen = max(self._host.max_connections_seen, len(self._open_connections))

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._open_connections.discard(handler)
        super().connection_lost(handler, exc)
