"""Acts of the status line and the headers: floods, and what parsers read differently."""

from __future__ import annotations

from hostile.act import PAYLOAD, POISON, Exchange, act, head, response

FLOOD_BYTES = 800 * 10**6


@act()
async def header_flood(exchange: Exchange) -> None:
    """Headers without end, up to 800 MB."""
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    line = b"X-Flood: " + b"a" * 1_000 + b"\r\n"
    for _block in range(FLOOD_BYTES // (len(line) * 64)):
        await exchange.send(line * 64)


@act()
async def header_line_endless(exchange: Exchange) -> None:
    """One header line without end."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nX-Flood: ")
    while True:
        await exchange.send(b"a" * 65_536)


@act()
async def header_name_endless(exchange: Exchange) -> None:
    """One header name without end."""
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.send(b"a" * 65_536)


@act()
async def status_line_endless(exchange: Exchange) -> None:
    """A reason phrase without end."""
    await exchange.send(b"HTTP/1.1 200 ")
    while True:
        await exchange.send(b"a" * 65_536)


@act()
async def blank_lines_endless(exchange: Exchange) -> None:
    """Blank lines without end before the status line."""
    while True:
        await exchange.send(b"\r\n" * 32_768)


@act()
async def header_count(exchange: Exchange) -> None:
    """100,000 small headers, then a body."""
    flood = b"".join(b"X-%d: a\r\n" % number for number in range(100_000))
    await exchange.send(b"HTTP/1.1 200 OK\r\n" + flood + b"Content-Length: 5\r\n\r\nabcde")


@act()
async def cookie_flood(exchange: Exchange) -> None:
    """100 cookies of 4 kB, half of them with illegal names (CVE-2025-69230)."""
    cookies = [f"Set-Cookie: {'a' if number % 2 else '('}{number}={'v' * 4_000}" for number in range(100)]
    await exchange.send(response(PAYLOAD, *cookies))


@act()
async def header_space_before_colon(exchange: Exchange) -> None:
    """A space before the colon of Content-Length."""
    await exchange.send(head(f"Content-Length : {len(PAYLOAD) // 2}") + PAYLOAD)


@act()
async def header_space_in_name(exchange: Exchange) -> None:
    """A space inside the name of a header, which is no header then."""
    await exchange.send(head("Content Length: 5", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def header_folded(exchange: Exchange) -> None:
    """A header folded over two lines, the second of which looks like a header."""
    await exchange.send(head("X-Folded: a\r\n Content-Length: 5", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def header_nul(exchange: Exchange) -> None:
    """A NUL byte in a header."""
    await exchange.send(head("X-Nul: a\0b", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def header_bare_cr(exchange: Exchange) -> None:
    """A bare CR in a header, after which a second Content-Length hides."""
    await exchange.send(head("X-Cr: a\rContent-Length: 5", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def header_bare_lf(exchange: Exchange) -> None:
    """All lines end with a bare LF."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}").replace(b"\r\n", b"\n") + PAYLOAD)


@act()
async def header_without_colon(exchange: Exchange) -> None:
    """A header line without a colon."""
    await exchange.send(head("this is no header", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def header_without_name(exchange: Exchange) -> None:
    """A header line that begins with its colon."""
    await exchange.send(head(": nameless", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def header_not_ascii(exchange: Exchange) -> None:
    """Header bytes that are neither ASCII nor UTF-8."""
    await exchange.send(head("Server: caf\xe9 \xff\xfe", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def content_type_long(exchange: Exchange) -> None:
    """A media type of 7 kB, which is no media type."""
    await exchange.send(response(PAYLOAD, "Content-Type: image/" + "x" * 7_000))


@act()
async def content_type_twice(exchange: Exchange) -> None:
    """Two media types that disagree."""
    await exchange.send(response(PAYLOAD, "Content-Type: text/html", "Content-Type: application/octet-stream"))


@act()
async def informational_endless(exchange: Exchange) -> None:
    """103 Early Hints without end, the answer never comes."""
    while True:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * 1_000)


@act()
async def informational_small_endless(exchange: Exchange) -> None:
    """The shortest 1xx answers without end: as many for each byte as there can be."""
    while True:
        await exchange.send(b"HTTP/1.1 100\r\n\r\n" * 4_000)


@act()
async def informational_in_blank_lines_endless(exchange: Exchange) -> None:
    """Blank lines and 1xx answers in turn, without end."""
    while True:
        await exchange.send((b"\r\n" * 50 + b"HTTP/1.1 102 Processing\r\n\r\n") * 500)


@act()
async def informational_first(exchange: Exchange) -> None:
    """100 and 103 before an honest answer."""
    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + response(PAYLOAD))


@act()
async def switches_protocols(exchange: Exchange) -> None:
    """101 Switching Protocols, which nobody asked for, then bytes without end."""
    await exchange.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    while True:
        await exchange.send(POISON)


@act()
async def http_0_9(exchange: Exchange) -> None:
    """A body without status line or headers, as in HTTP/0.9."""
    await exchange.send(PAYLOAD)


@act()
async def http_2_preface(exchange: Exchange) -> None:
    """The first frames of an HTTP/2 server."""
    await exchange.send(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64" + b"\0\0\0\x04\x01\0\0\0\0")
    await exchange.hold()


@act()
async def http_9_9(exchange: Exchange) -> None:
    """A version that does not exist."""
    await exchange.send(response(PAYLOAD).replace(b"HTTP/1.1", b"HTTP/9.9", 1))


@act()
async def status_999(exchange: Exchange) -> None:
    """A status that does not exist, 999."""
    await exchange.send(response(PAYLOAD, status="999 Request denied"))


@act()
async def status_of_four_digits(exchange: Exchange) -> None:
    """A status of four digits."""
    await exchange.send(response(PAYLOAD, status="2000 OK"))


@act()
async def status_negative(exchange: Exchange) -> None:
    """A negative status."""
    await exchange.send(response(PAYLOAD, status="-200 OK"))


@act()
async def status_without_reason(exchange: Exchange) -> None:
    """A status line that ends with its number."""
    await exchange.send(response(PAYLOAD, status="200"))


@act()
async def not_http(exchange: Exchange) -> None:
    """An answer in another protocol."""
    await exchange.send(b"220 mail.example ESMTP\r\n" + PAYLOAD[:200] + b"\r\n\r\n")


@act()
async def closes_at_once(exchange: Exchange) -> None:
    """The connection closes without an answer."""


@act()
async def resets_at_once(exchange: Exchange) -> None:
    """The connection is reset without an answer."""
    await exchange.reset()


@act()
async def closes_in_headers(exchange: Exchange) -> None:
    """The connection closes in the middle of a header."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Le")


@act()
async def refresh_header(exchange: Exchange) -> None:
    """A file whose Refresh header leads to another host."""
    await exchange.send(response(PAYLOAD, "Refresh: 0; url=http://10.0.0.1/"))
