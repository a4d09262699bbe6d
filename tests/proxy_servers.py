"""A SOCKS5 and an HTTP CONNECT proxy on loopback, which say what they were asked for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from abc import abstractmethod
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from synthetic_host import ADDRESS, ConversingServer

Login = tuple[str, str]


class Asked(NamedTuple):
    """One target that a client asked for; `is_name` says that the proxy was to resolve it."""

    host: str
    port: int
    is_name: bool


class Refused(Exception):
    """The proxy makes no connection; `code` is what it says."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ProxyServer(ConversingServer):
    """Connects to a port of loopback whatever the name is, if it is in `names`; literal addresses as they are.

    `asked` logs every target, `logins` every user name and password.
    """

    scheme = ""

    def __init__(
        self, names: Mapping[str, int] | None = None, *, login: Login | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__()
        self.names = dict(names or {})
        self.asked: list[Asked] = []
        self.logins: list[Login] = []
        self.refuses_with: int | None = None
        self._login = login
        self._tls = tls

    @property
    def url(self) -> str:
        user = "" if self._login is None else ":".join(self._login) + "@"
        return f"{self.scheme}://{user}{self.host}"

    async def _open(self) -> int:
        return await self._listen(self._tls)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await self._negotiate(reader, writer)
            self.asked.append(asked)
            if self.refuses_with is not None:
                raise Refused(self.refuses_with)
            port = self.names.get(asked.host) if asked.is_name else asked.port
            if port is None:
                raise Refused(self.not_found)
            there = await asyncio.open_connection(ADDRESS, port)
            try:
                self._say(writer, None)
                await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
            finally:
                there[1].transport.abort()  # also where the proxy is closed meanwhile
        except Refused as refused:
            self._say(writer, refused.code)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that went away, or a host that did
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    not_found = 0

    @abstractmethod
    async def _negotiate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
        """Return the target that the client asks for; raises Refused."""

    @abstractmethod
    def _say(self, writer: asyncio.StreamWriter, code: int | None) -> None:
        """Answer the client: None is success."""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


class SocksServer(ProxyServer):
    """SOCKS5 (RFC 1928), with user name and password (RFC 1929) if there is a login."""

    scheme = "socks5"
    not_found = 4  # host unreachable, as Tor says it

    async def _negotiate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
        version, count = await reader.readexactly(2)
        assert version == 5
        methods = await reader.readexactly(count)
        method = 0 if self._login is None else 2
        if method not in methods:
            writer.write(b"\x05\xff")
            raise asyncio.IncompleteReadError(b"", None)
        writer.write(bytes([5, method]))
        if self._login is not None:
            await reader.readexactly(1)
            login = (await _text(reader), await _text(reader))
            self.logins.append(login)
            writer.write(b"\x01\x00" if login == self._login else b"\x01\x01")
            if login != self._login:
                raise asyncio.IncompleteReadError(b"", None)
        _, command, _, kind = await reader.readexactly(4)
        assert command == 1
        if kind == 3:
            host, is_name = await _text(reader), True
        elif kind == 1:
            host, is_name = str(IPv4Address(await reader.readexactly(4))), False
        else:
            host, is_name = str(IPv6Address(await reader.readexactly(16))), False
        return Asked(host, int.from_bytes(await reader.readexactly(2), "big"), is_name)

    def _say(self, writer: asyncio.StreamWriter, code: int | None) -> None:
        writer.write(bytes([5, code or 0, 0, 1, 0, 0, 0, 0, 0, 0]))


async def _text(reader: asyncio.StreamReader) -> str:
    (length,) = await reader.readexactly(1)
    return (await reader.readexactly(length)).decode()


class ConnectProxy(ProxyServer):
    """An HTTP proxy that knows CONNECT (RFC 9110, 9.3.6) alone, with basic authentication if there is a login."""

    not_found = 502

    @property
    def scheme(self) -> str:  # type: ignore[override]
        return "http" if self._tls is None else "https"

    async def _negotiate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        if method != "CONNECT":
            raise Refused(405)
        if self._login is not None:
            expected = base64.b64encode(":".join(self._login).encode()).decode()
            if f"basic {expected}".lower() not in head.lower():
                raise Refused(407)
            self.logins.append(self._login)
        host, _, port = target.rpartition(":")
        host = host.strip("[]")
        return Asked(host, int(port), not host.replace(".", "").isdigit() and ":" not in host)

    def _say(self, writer: asyncio.StreamWriter, code: int | None) -> None:
        reason = "Connection established" if code is None else "<b>Blocked by your provider</b>"
        writer.write(f"HTTP/1.1 {code or 200} {reason}\r\n\r\n".encode())
