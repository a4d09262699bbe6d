"""A whole recrawl asks for URLs as they are written, so that hosts which tell spellings apart give their files."""

from __future__ import annotations

import os

from contained import Crawled, crawl
from orbweaver.crawler.rules.spelt_urls import spell_text
from orbweaver.model import Report
from synthetic_host import Resource, SyntheticHost


def picture() -> Resource:
    return Resource("image/png", b"\x89PNG\r\n\x1a\n" + os.urandom(64))


def page(body: str) -> Resource:
    return Resource("text/html", body.encode())


def moved(location: str, **headers: str) -> Resource:
    return Resource("text/html", b"<p>moved", {"Location": location, **headers}, 302)


# What the host has, under the only spelling that it knows, and what leads there.
RESOURCES = {
    "/": page(
        "<a href='/%7Euser/'>a</a> <img src='/i%41.png'> <img src='/l[1].png'> <a href='/to-spelling'>b</a>"
        "<a href='/a~b'>c</a> <script>var a = '/s%5f.png'</script> <img src='/q.png?a=[{|}]'> <a href='/even?'>d</a>"
        "<a href='/turn'>e</a> <a href='/wp/%e5%86%99/'>f</a> <a href='/gate%5f'>g</a> <img src=\"/p.png?a='b'\">"
    ),
    # A page in a spelling of its own, to which its links are relative.
    "/%7Euser/": page("<img src=rel.png><base href='/base%7E/'><img src=b.png>"),
    "/%7Euser/rel.png": picture(),
    "/base%7E/b.png": picture(),
    "/i%41.png": picture(),
    "/l[1].png": picture(),
    "/s%5f.png": picture(),
    "/q.png?a=[{|}]": picture(),
    "/p.png?a=%27b%27": picture(),
    # A redirect to a spelling, of another URL or of the same.
    "/to-spelling": moved("/%74wo.png"),
    "/%74wo.png": picture(),
    "/a~b": moved("/a%7Eb"),
    "/a%7Eb": page("<img src=/after-the-same.png>"),
    "/after-the-same.png": picture(),
    "/even?": page("<img src=/even.png>"),
    "/even.png": picture(),
    # For ever from one to the other.
    "/turn": moved("/%74urn"),
    "/%74urn": moved("/turn"),
    "/wp/%e5%86%99/": page("<img src='%e5%86%99.png'>"),
    "/wp/%e5%86%99/%e5%86%99.png": picture(),
    # A gate of one click.
    "/gate%5f": page("<p>Adults only. You must be 18 or older.</p><a href='/in%5f'>I am over 18 - Enter</a>"),
    "/in%5f": page("<img src=/behind.png>"),
    "/behind.png": picture(),
}
# The spelling is what the host was asked for; the canonical form is what is recorded.
FILES = {
    "/~user/rel.png": "/%7Euser/rel.png",
    "/base~/b.png": "/base%7E/b.png",
    "/iA.png": "/i%41.png",
    "/l%5B1%5D.png": "/l[1].png",
    "/s_.png": "/s%5f.png",
    "/q.png?a=%5B%7B%7C%7D%5D": "/q.png?a=[{|}]",
    "/p.png?a='b'": "/p.png?a=%27b%27",
    "/to-spelling": "/%74wo.png",
    "/after-the-same.png": "/after-the-same.png",
    "/even.png": "/even.png",
    "/wp/%E5%86%99/%E5%86%99.png": "/wp/%e5%86%99/%e5%86%99.png",
    "/behind.png": "/behind.png",
}


def paths_of(crawled: Crawled, host: SyntheticHost) -> set[str]:
    return {url.removeprefix(host.url.removesuffix("/")) for url in crawled.urls}


def test_a_host_that_tells_spellings_apart_is_asked_as_a_browser_asks_and_records_are_canonical() -> None:
    with SyntheticHost(RESOURCES) as host:
        crawled = crawl(host.url)
        paths = host.paths

    assert paths_of(crawled, host) == set(FILES)
    assert set(FILES.values()) <= set(paths)
    assert crawled.outcomes == {
        f"{host.url}turn": "redirect_loop",
        f"{host.url}gate_": "gate",
    }
    assert sorted(path for path in paths if path in {"/turn", "/%74urn"}) == ["/%74urn", "/turn"]
    spelt = {one.url.removeprefix(host.url): one.http.spelling for one in crawled.sightings}
    assert (spelt["iA.png"], spelt["even.png"]) == ("/i%41.png", None)  # so a re-check of the file can ask for it


def test_a_reported_url_is_asked_for_as_it_was_pasted_and_known_as_what_it_is() -> None:
    with SyntheticHost({"/%7euser/a.png": picture()}) as host:
        url, spelling = spell_text(f"{host.url}%7euser/a.png")
        crawled = crawl(Report(url=url, spelling=spelling))
        paths = host.paths

    assert paths == ["/%7euser/a.png"]
    assert crawled.urls == [f"{host.url}~user/a.png"]
    assert crawled.sightings[0].http.spelling == "/%7euser/a.png"


def test_a_spelling_of_another_url_is_never_sent() -> None:
    with SyntheticHost({}) as host:
        crawled = crawl(Report(url=f"{host.url}a", spelling="/a HTTP/1.1\r\nX: y"), f"{host.url}b")
        paths = host.paths

    assert paths == ["/b"]
    assert crawled.outcomes[f"{host.url}a"] == "refused_url"
