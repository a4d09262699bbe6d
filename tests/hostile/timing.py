"""Acts of time: servers that are slow, silent or busy on purpose."""

from __future__ import annotations

from hostile.act import PAYLOAD, Exchange, act, chunked, head, response

HTML = "Content-Type: text/html"


@act()
async def hangs(exchange: Exchange) -> None:
    """The request is read and never answered."""
    await exchange.hold()


@act()
async def drips(exchange: Exchange) -> None:
    """Headers, then one byte a second."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}"))
    for position in range(len(PAYLOAD)):
        await exchange.send(PAYLOAD[position : position + 1])
        await exchange.pause(exchange.drip_seconds)


@act()
async def drips_chunks(exchange: Exchange) -> None:
    """One chunk of one byte every 0.2 s."""
    await exchange.send(head("Transfer-Encoding: chunked"))
    for position in range(len(PAYLOAD)):
        await exchange.send(chunked(PAYLOAD[position : position + 1], end=b""))
        await exchange.pause(0.2)


@act()
async def drips_headers(exchange: Exchange) -> None:
    """One byte of the headers every 0.2 s."""
    for byte in response(PAYLOAD):
        await exchange.send(bytes([byte]))
        await exchange.pause(0.2)


@act()
async def drips_header_lines(exchange: Exchange) -> None:
    """One header every 0.2 s, without end."""
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.send(b"X-Alive: yes\r\n")
        await exchange.pause(0.2)


@act()
async def drips_informational(exchange: Exchange) -> None:
    """A 103 every 0.2 s, without end."""
    while True:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await exchange.pause(0.2)


@act()
async def drips_redirect_body(exchange: Exchange) -> None:
    """A redirect whose body comes one byte every 0.2 s."""
    await exchange.send(head("Location: /honest.bin", "Content-Length: 10000", status="302 Found"))
    for position in range(10_000):
        await exchange.send(PAYLOAD[position : position + 1])
        await exchange.pause(0.2)


@act()
async def silent_after_headers(exchange: Exchange) -> None:
    """Headers, then silence."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}"))
    await exchange.hold()


@act()
async def silent_midway(exchange: Exchange) -> None:
    """Half a body, then silence."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}") + PAYLOAD[: len(PAYLOAD) // 2])
    await exchange.hold()


@act()
async def silent_before_last_chunk(exchange: Exchange) -> None:
    """The whole body, then silence where the last chunk belongs."""
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b""))
    await exchange.hold()


@act()
async def keeps_open(exchange: Exchange) -> None:
    """A body that only the close would end, which never comes."""
    await exchange.send(head() + PAYLOAD)
    await exchange.hold()


@act()
async def slow_at_first(exchange: Exchange) -> None:
    """Nothing for 0.3 s, then the whole answer at once."""
    await exchange.pause(0.3)
    await exchange.send(response(PAYLOAD))


@act()
async def closes_late(exchange: Exchange) -> None:
    """No answer for 0.3 s, then the connection closes."""
    await exchange.pause(0.3)


@act()
async def fast_then_slow(exchange: Exchange) -> None:
    """100 kB at once, to raise the mean rate, then one byte every 0.2 s without end."""
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b""))
    while True:
        await exchange.send(chunked(b"a", end=b""))
        await exchange.pause(0.2)


@act()
async def just_fast_enough(exchange: Exchange) -> None:
    """2 kB/s without end: above the lowest rate, for as long as one lets it."""
    await exchange.send(head("Transfer-Encoding: chunked"))
    while True:
        await exchange.send(chunked(PAYLOAD[:400], end=b""))
        await exchange.pause(0.2)


@act()
async def busy_for_a_year(exchange: Exchange) -> None:
    """429 with a Retry-After of a year."""
    await exchange.send(response(b"later", HTML, "Retry-After: 31536000", status="429 Too Many Requests"))


@act()
async def busy_negative(exchange: Exchange) -> None:
    """429 with a negative Retry-After (crawlee #1995)."""
    await exchange.send(response(b"later", HTML, "Retry-After: -5", status="429 Too Many Requests"))


@act()
async def busy_garbage(exchange: Exchange) -> None:
    """503 with a Retry-After that is neither seconds nor a date."""
    await exchange.send(response(b"later", HTML, "Retry-After: soon; 1e999", status="503 Service Unavailable"))


@act()
async def busy_until_10000(exchange: Exchange) -> None:
    """503 with a Retry-After in the year 9999."""
    date = "Fri, 31 Dec 9999 23:59:59 GMT"
    await exchange.send(response(b"later", HTML, f"Retry-After: {date}", status="503 Service Unavailable"))


@act()
async def broken_for_ever(exchange: Exchange) -> None:
    """500 whenever it is asked."""
    await exchange.send(response(b"broken", HTML, status="500 Internal Server Error"))
