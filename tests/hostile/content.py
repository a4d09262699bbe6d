"""Acts of content: pages that are bombs, traps and floods, and answers that are not the file."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from hostile.act import PAGE, PAYLOAD, Exchange, act, chunked, fixed, head, page, response

PAGE_BYTES = 5 * 2**20 - 1_000
MANY_FILES = 50
NULS = bytes(PAGE_BYTES)
EMBEDDED = PAYLOAD * 28
PART = PAYLOAD[:50_000]


@act(path=PAGE, owns=("/file-", "/page-"))
async def connection_counter(exchange: Exchange) -> None:
    """Well-behaved: keeps alive; / links to 50 slow files, /page.html to 50 slow pages."""
    exchange.keeps_alive = True
    if exchange.path == PAGE:
        links = "".join(f'<a href="/page-{number}">' for number in range(MANY_FILES))
        await exchange.send(response(links.encode(), "Content-Type: text/html", keep_alive=True))
        return
    await exchange.pause(0.02)
    if exchange.path.startswith("/page-"):
        await exchange.send(response(b"<p>", "Content-Type: text/html", keep_alive=True))
    else:
        await exchange.send(response(PAYLOAD, keep_alive=True))


@fixed(path=PAGE)
def nested_tags() -> bytes:
    """5 MB of nested elements."""
    return page("<div>" * (PAGE_BYTES // 5))


@fixed(path=PAGE)
def misnested_tags() -> bytes:
    """5 MB of unclosed formatting elements, which a tree builder reopens again and again."""
    return page("<b><i><p>" * (PAGE_BYTES // 9))


@fixed(path=PAGE)
def one_large_tag() -> bytes:
    """One element with one attribute of 5 MB."""
    return page('<a href="/' + "a" * PAGE_BYTES + '">')


@fixed(path=PAGE)
def many_attributes() -> bytes:
    """One element with half a million attributes."""
    return page("<a " + "".join(f"a{number:x}=1 " for number in range(500_000)) + 'href="/honest.bin">')


@fixed(path=PAGE)
def unclosed_comment() -> bytes:
    """5 MB of comment openings, none of them closed."""
    return page("<!--" * (PAGE_BYTES // 4))


@fixed(path=PAGE)
def unclosed_tags() -> bytes:
    """5 MB of tag openings, none of them closed."""
    return page("<a href='" * (PAGE_BYTES // 9))


@fixed(path=PAGE)
def entity_flood() -> bytes:
    """One attribute of 5 MB of character references."""
    return page('<a href="/' + "&NotSquareSuperset;" * (PAGE_BYTES // 20) + '">')


@fixed(path=PAGE)
def xml_entities() -> bytes:
    """XML entities that double ten times over in a page (billion laughs)."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    body = f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY l0 "ha">{laughs}]><html><a href="&l9;">'
    return response(body.encode(), "Content-Type: application/xhtml+xml")


@act(path=PAGE, owns=("/flood/",))
async def link_flood(exchange: Exchange) -> None:
    """A page with 100,000 links, each of which leads to such a page."""
    name = exchange.path.strip("/").replace("/", "-")
    await exchange.send(page("".join(f"<a href=/flood/{name}-{number:x}>" for number in range(100_000))))


@fixed(path=PAGE)
def host_flood() -> bytes:
    """A page with 10,000 links, each to another host."""
    return page("".join(f"<a href=http://h{number}.example/>" for number in range(10_000)))


@act(path=PAGE)
async def endless_page(exchange: Exchange) -> None:
    """A page without end."""
    await exchange.send(head("Content-Type: text/html", "Transfer-Encoding: chunked"))
    await exchange.send(chunked(b"<!DOCTYPE html><a href=/honest.bin>", end=b""))
    while True:
        await exchange.send(chunked(b"<p>text</p>\n" * 5_000, end=b""))


@fixed(path=PAGE)
def vast_page() -> bytes:
    """A page of 40 MB that is one tag."""
    return page(b'<a href="/' + b"a" * (40 * 2**20) + b'">')


@act(path=PAGE, owns=("/refresh/",))
async def refresh_loop(exchange: Exchange) -> None:
    """A page that refreshes to a page that refreshes, without end."""
    number = int(exchange.path.removeprefix("/refresh/")) if exchange.path.startswith("/refresh/") else 0
    await exchange.send(page(f'<meta http-equiv=refresh content="0; url=/refresh/{number + 1}">'))


@fixed(path=PAGE)
def base_elsewhere() -> bytes:
    """A page whose base is another host, so that its relative links lead there."""
    return page('<base href="http://10.0.0.1/"><a href=a><img src=b.png>')


@fixed(path=PAGE)
def base_script() -> bytes:
    """A page whose base is a script."""
    return page('<base href="javascript:alert(1)"><a href="/honest.bin">')


@fixed(path=PAGE)
def charset_utf_7() -> bytes:
    """A page in UTF-7, which hides its tags."""
    body = b"+ADw-a href=http://10.0.0.1/+AD4-"
    return response(b"<!DOCTYPE html>" + body, "Content-Type: text/html; charset=utf-7")


@fixed(path=PAGE)
def charset_punycode() -> bytes:
    """A page declared as punycode, whose decoder takes quadratic time."""
    body = b"<!DOCTYPE html>" + b"a" * 200_000 + b"-" + b"z9" * 100_000
    return response(body, "Content-Type: text/html; charset=punycode")


@fixed(path=PAGE)
def charset_zip() -> bytes:
    """A page declared in Python's zlib codec, a bomb for who looks codecs up by name."""
    return response(b"<!DOCTYPE html><a href=/honest.bin>", "Content-Type: text/html; charset=zlib_codec")


@fixed(path=PAGE)
def nul_page() -> bytes:
    """5 MB of NUL bytes declared as a page."""
    return response(NULS, "Content-Type: text/html")


@fixed(path=PAGE)
def data_uri_large() -> bytes:
    """One data: URI of 3.7 MB."""
    body = base64.b64encode(EMBEDDED).decode()
    return page(f'<img src="data:application/octet-stream;base64,{body}">')


@fixed(path=PAGE)
def data_uri_flood() -> bytes:
    """60,000 data: URIs, each another."""
    return page("".join(f"<img src=data:a/b;base64,{number:08x}>" for number in range(60_000)))


@fixed(path=PAGE)
def data_uri_bad_flood() -> bytes:
    """30,000 data: URIs that cannot be decoded."""
    return page("".join(f"<img src=data:;base64,%%%{number:x}>" for number in range(30_000)))


@fixed(path=PAGE)
def srcset_flood() -> bytes:
    """One srcset with 200,000 candidates."""
    return page('<img srcset="' + ", ".join(f"/i{number:x}.png 1x" for number in range(200_000)) + '">')


@fixed(path=PAGE)
def srcset_commas() -> bytes:
    """One srcset of 5 MB of commas and brackets, for quadratic parsers."""
    return page('<img srcset="' + "a(,(," * (PAGE_BYTES // 5) + '">')


@fixed(path=PAGE)
def style_flood() -> bytes:
    """A style of 1.5 MB of unclosed url( and comments."""
    return page("<style>" + "url(/*'" * 200_000)


@fixed(path=PAGE)
def frames_in_frames() -> bytes:
    """Frames whose srcdoc holds frames whose srcdoc holds frames, 15 deep, each level escaped again."""
    body = '<a href="/honest.bin">'
    for _level in range(15):
        escaped = body.replace("&", "&amp;").replace('"', "&quot;")
        if len(escaped) > PAGE_BYTES:
            break
        body = f'<iframe srcdoc="{escaped}"></iframe>'
    return page(body)


@act(path=PAGE, owns=("/calendar/",))
async def calendar(exchange: Exchange) -> None:
    """A calendar without end: each day links to the next day, month and year."""
    digits = exchange.path.removeprefix("/calendar/").split("/")
    year, month, day = (int(one) for one in digits) if len(digits) == 3 else (2026, 1, 1)
    following = [(year, month, day + 1), (year, month + 1, day), (year + 1, month, day)]
    await exchange.send(page("".join(f'<a href="/calendar/{a}/{b}/{c}">' for a, b, c in following)))


@act(path=PAGE, owns=("/session",))
async def session_ids(exchange: Exchange) -> None:
    """Each page links to itself under another session id."""
    ids = [f"{hash((exchange.path, number)) & 0xFFFFFFFF:08x}" for number in range(5)]
    await exchange.send(page("".join(f'<a href="/session?page=1&amp;PHPSESSID={one}">' for one in ids)))


@act(path=PAGE, owns=("/page.html/",))
async def growing_paths(exchange: Exchange) -> None:
    """Each page links to a page below itself, under the same names again and again."""
    path = urlsplit(exchange.path).path
    await exchange.send(page(f'<a href="{path}/a/"><a href="{path}/b/"><a href="{path}/a/b/">'))


@act(path=PAGE, owns=("/facets",))
async def facets(exchange: Exchange) -> None:
    """Each page links to itself with one more parameter of a query."""
    query = urlsplit(exchange.path).query
    await exchange.send(page("".join(f'<a href="/facets?{query}&amp;{one}=1">' for one in "abcde")))


@fixed()
def partial_unasked() -> bytes:
    """206 with a part of the file, although the whole was asked for."""
    return response(PART, "Content-Range: bytes 0-49999/100000", status="206 Partial Content")


@fixed()
def part_as_whole() -> bytes:
    """200 with a Content-Range: a part of the file under the status of the whole."""
    return response(PART, "Content-Range: bytes 0-49999/100000")


@fixed()
def empty_file() -> bytes:
    """A file without a byte, whose digests are in public lists."""
    return response(b"")


@fixed()
def error_with_file() -> bytes:
    """404 with the file as its body: an error status as a disguise."""
    return response(PAYLOAD, status="404 Not Found")


@fixed()
def file_as_page() -> bytes:
    """A file declared as a page."""
    return response(PAYLOAD, "Content-Type: text/html")
