"""Acts of robots.txt, which is asked for before any URL of its host; the file itself is served as it should be."""

from __future__ import annotations

from hostile.act import PAYLOAD, ROBOTS, Exchange, act, chunked, fixed, head, response
from hostile.encodings import make_bomb

TEXT = "Content-Type: text/plain"


def _text(*lines: str) -> bytes:
    return response("\n".join(("User-agent: *", *lines, "")).encode(), TEXT)


@act(path=ROBOTS)
async def robots_endless(exchange: Exchange) -> None:
    """A robots.txt without end."""
    await exchange.send(head(TEXT, "Transfer-Encoding: chunked"))
    while True:
        await exchange.send(chunked(b"Disallow: /nowhere\n" * 3_000, end=b""))


@act(path=ROBOTS)
async def robots_hangs(exchange: Exchange) -> None:
    """A robots.txt that never answers."""
    await exchange.hold()


@act(path=ROBOTS)
async def robots_drips(exchange: Exchange) -> None:
    """A robots.txt that comes one byte every 0.2 s."""
    await exchange.send(head(TEXT, "Transfer-Encoding: chunked"))
    while True:
        await exchange.send(chunked(b"#", end=b""))
        await exchange.pause(0.2)


@fixed(path=ROBOTS)
def robots_broken() -> bytes:
    """500 for robots.txt (RFC 9309, 2.3.1.4: everything is disallowed)."""
    return response(b"", status="500 Internal Server Error")


@fixed(path=ROBOTS)
def robots_busy() -> bytes:
    """429 with a Retry-After of a year for robots.txt."""
    return response(b"", "Retry-After: 31536000", status="429 Too Many Requests")


@act(path=ROBOTS)
async def robots_closes(exchange: Exchange) -> None:
    """The connection closes without an answer to robots.txt."""


@fixed(path=ROBOTS)
def robots_binary() -> bytes:
    """A robots.txt of random bytes."""
    return response(PAYLOAD, TEXT)


@fixed(path=ROBOTS)
def robots_page() -> bytes:
    """A page where robots.txt belongs."""
    return response(b"<!DOCTYPE html><title>Not found</title><a href=/x>", "Content-Type: text/html")


@fixed(path=ROBOTS)
def robots_bomb() -> bytes:
    """A robots.txt that is a gzip bomb."""
    return response(make_bomb(), TEXT, "Content-Encoding: gzip")


@fixed(path=ROBOTS)
def robots_redirects_to_itself() -> bytes:
    """A robots.txt that redirects to itself."""
    return response(b"", "Location: /robots.txt", status="302 Found")


@fixed(path=ROBOTS)
def robots_redirects_inside() -> bytes:
    """A robots.txt that redirects to a private address."""
    return response(b"", "Location: http://10.0.0.1/robots.txt", status="302 Found")


@fixed(path=ROBOTS)
def robots_many_rules() -> bytes:
    """20,000 rules, each another."""
    return _text(*(f"Disallow: /private/{number:x}" for number in range(20_000)))


@fixed(path=ROBOTS)
def robots_wildcards() -> bytes:
    """Rules of many wildcards, for matchers that try every way (ReDoS)."""
    return _text(*(f"Disallow: /{'*a' * 200}{number}$" for number in range(500)))


@fixed(path=ROBOTS)
def robots_long_line() -> bytes:
    """One rule of 400 kB."""
    return _text("Disallow: /" + "a*" * 200_000)


@fixed(path=ROBOTS)
def robots_delay_of_a_year() -> bytes:
    """A crawl delay of a year."""
    return _text("Crawl-delay: 31536000")


@fixed(path=ROBOTS)
def robots_delay_garbage() -> bytes:
    """Crawl delays that are no sensible number."""
    return _text("Crawl-delay: -5", "Crawl-delay: nan", "Crawl-delay: 1e999")


@fixed(path=ROBOTS)
def robots_sitemap_flood() -> bytes:
    """10,000 sitemaps, on this host and others, one of them a file of the disk."""
    here = (f"Sitemap: /sitemap-{number}.xml" for number in range(5_000))
    there = (f"Sitemap: http://h{number}.example/sitemap.xml" for number in range(5_000))
    return _text(*here, *there, "Sitemap: file:///etc/passwd")


@fixed(path=ROBOTS)
def robots_many_agents() -> bytes:
    """A group of 40,000 user agents."""
    return response(b"".join(b"User-agent: a%d\n" % number for number in range(40_000)) + b"Disallow: /\n", TEXT)
