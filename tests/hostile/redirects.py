"""Acts of redirection: loops, chains, and places where a crawler must not go."""

from __future__ import annotations

from hostile.act import CHUNK, PAYLOAD, Exchange, act, chunked, head, response
from hostile.encodings import make_bomb


async def _redirect(exchange: Exchange, location: str, *headers: str, status: str = "302 Found") -> None:
    await exchange.send(response(b"", f"Location: {location}", *headers, status=status))


@act(owns=("/again",))
async def redirect_loop(exchange: Exchange) -> None:
    """/file.bin to /again to /file.bin."""
    await _redirect(exchange, "/again" if exchange.path == "/file.bin" else "/file.bin")


@act(owns=("/hop/",))
async def endless_redirects(exchange: Exchange) -> None:
    """/file.bin to /hop/1 to /hop/2 and so on."""
    hops = int(exchange.path.removeprefix("/hop/")) if exchange.path.startswith("/hop/") else 0
    await _redirect(exchange, f"/hop/{hops + 1}")


@act(owns=("/file.bin/",))
async def growing_redirects(exchange: Exchange) -> None:
    """Each redirect makes the URL longer by 800 characters."""
    await _redirect(exchange, exchange.path + "/" + "a" * 800)


@act()
async def redirect_to_itself(exchange: Exchange) -> None:
    """To the same URL with another fragment."""
    await _redirect(exchange, "/file.bin#again")


@act()
async def redirect_to_file(exchange: Exchange) -> None:
    """To a file of the crawler's disk (GHSA-23j4-mw76-5v7h)."""
    await _redirect(exchange, "file:///etc/passwd")


@act()
async def redirect_to_ftp(exchange: Exchange) -> None:
    """To ftp."""
    await _redirect(exchange, "ftp://127.0.0.1/file.bin")


@act()
async def redirect_to_s3(exchange: Exchange) -> None:
    """To s3, where credentials would be sent (GHSA-76g3-c3x4-crvx)."""
    await _redirect(exchange, "s3://bucket/file.bin")


@act()
async def redirect_to_script(exchange: Exchange) -> None:
    """To a script."""
    await _redirect(exchange, "javascript:alert(1)")


@act()
async def redirect_to_data(exchange: Exchange) -> None:
    """To a data: URI."""
    await _redirect(exchange, "data:application/octet-stream;base64,QUFB")


@act()
async def redirect_to_private_address(exchange: Exchange) -> None:
    """To a private address."""
    await _redirect(exchange, "http://10.0.0.1/file.bin")


@act()
async def redirect_to_metadata(exchange: Exchange) -> None:
    """To the cloud's metadata service, its address written as one number."""
    await _redirect(exchange, "http://2852039166/latest/meta-data/")


@act()
async def redirect_to_mapped_address(exchange: Exchange) -> None:
    """To loopback as an IPv4-mapped address, on the same port."""
    await _redirect(exchange, f"http://[::ffff:127.0.0.1]:{exchange.host.rpartition(':')[2]}/honest.bin")


@act()
async def redirect_to_other_port(exchange: Exchange) -> None:
    """To another port of the same address: the store's."""
    await _redirect(exchange, "http://127.0.0.1:6379/")


@act()
async def redirect_with_credentials(exchange: Exchange) -> None:
    """To another host that is written as a user name before this one would be (GHSA-4qqq-9vqf-3h3f)."""
    await _redirect(exchange, f"http://{exchange.host}@10.0.0.1/file.bin")


@act()
async def redirect_with_backslash(exchange: Exchange) -> None:
    """To a URL that parsers read as two different hosts."""
    await _redirect(exchange, f"http://10.0.0.1\\@{exchange.host}/file.bin")


@act()
async def redirect_to_long_url(exchange: Exchange) -> None:
    """To a URL of 7,000 characters."""
    await _redirect(exchange, "/" + "a" * 7_000)


@act()
async def redirect_endless_location(exchange: Exchange) -> None:
    """A Location without end."""
    await exchange.send(b"HTTP/1.1 302 Found\r\nLocation: /")
    while True:
        await exchange.send(b"a" * 65_536)


@act()
async def redirect_not_ascii(exchange: Exchange) -> None:
    """A Location in Latin-1 that is not a valid URL, to a page that is not there."""
    await _redirect(exchange, "/caf\xe9 \xff")


@act()
async def redirect_nul(exchange: Exchange) -> None:
    """A NUL byte in the Location."""
    await _redirect(exchange, "/a\0b")


@act()
async def redirect_injects_header(exchange: Exchange) -> None:
    """A Location with escaped line ends, which must not become a header of the next request."""
    await _redirect(exchange, "/nowhere%0d%0aX-Injected:%20yes")


@act()
async def redirect_without_location(exchange: Exchange) -> None:
    """302 without a Location, with a body."""
    await exchange.send(response(PAYLOAD, status="302 Found"))


@act()
async def redirect_empty_location(exchange: Exchange) -> None:
    """302 with an empty Location."""
    await _redirect(exchange, "")


@act()
async def redirect_twice(exchange: Exchange) -> None:
    """Two Locations: /honest.bin and another host."""
    await _redirect(exchange, "/honest.bin", "Location: http://10.0.0.1/")


@act()
async def multiple_choices(exchange: Exchange) -> None:
    """300 Multiple Choices with a Location."""
    await _redirect(exchange, "/honest.bin", status="300 Multiple Choices")


@act()
async def use_proxy(exchange: Exchange) -> None:
    """305 Use Proxy: the Location is a proxy on another host."""
    await _redirect(exchange, "http://10.0.0.1:3128/", status="305 Use Proxy")


@act()
async def switch_proxy(exchange: Exchange) -> None:
    """306, which was Switch Proxy."""
    await _redirect(exchange, "http://10.0.0.1:3128/", status="306 Switch Proxy")


@act()
async def redirect_with_endless_body(exchange: Exchange) -> None:
    """A redirect with a body without end."""
    await exchange.send(head("Location: /honest.bin", "Transfer-Encoding: chunked", status="302 Found"))
    while True:
        await exchange.send(chunked(CHUNK, end=b""))


@act(prepare=make_bomb)
async def redirect_with_bomb(exchange: Exchange) -> None:
    """A redirect with a gzip bomb as its body (CVE-2026-21441)."""
    await exchange.send(
        response(make_bomb(), "Location: /honest.bin", "Content-Encoding: gzip", status="307 Temporary Redirect")
    )
