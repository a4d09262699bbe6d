"""What a recrawl says of each reported URL, and of a host that refuses its files."""

from __future__ import annotations

import os

from contained import crawl
from orbweaver.model import Outcome, Reported
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(500)


def page(*references: str) -> Resource:
    return Resource("text/html", "".join(f'<img src="{one}">' for one in references).encode())


def refused(status: int) -> Resource:
    return Resource("text/html", b"<p>no", status=status)


RESOURCES = {
    "/gallery/": page("a.png", "b.png", "gone.png", "/style.css"),
    "/gallery/a.png": Resource("image/png", PNG),
    "/gallery/b.png": Resource("image/png", PNG),
    "/style.css": Resource("text/css", b"p { color: red }"),
    "/gate": Resource(
        "text/html",
        b"<form method=post><button>enter</button></form><link rel=stylesheet href=/gate.css>"
        b"<a href=/gate>18 or older: enter</a>",
    ),
    "/gate.css": Resource("text/css", b"p { color: blue }"),
    "/beside": page("/alone.png"),
    "/alone.png": Resource("image/png", PNG),
    "/login.png": Resource("text/html", b"<p>log in"),
    "/forbidden.png": refused(403),
    "/empty.png": Resource("image/png", b""),
    "/away": Resource(None, headers={"Location": "http://elsewhere.test/"}, status=302),
}


def test_every_reported_url_says_what_came_of_it() -> None:
    names = ["gallery/", "gate", "beside", "alone.png", "login.png", "forbidden.png", "missing", "empty.png", "away"]
    with SyntheticHost(RESOURCES) as host:
        found = crawl(*(host.url + name for name in names))
    same = {"url": "/", "reason": ""}
    said = {one.url.removeprefix(host.url): one.model_copy(update=same) for one in found.reported}
    assert said == {
        "gallery/": Reported(url="/", is_page=True, status=200, pages=1, files=3, page_parts=1),
        "gate": Reported(
            url="/", outcome=Outcome.GATE, rule="gate.click", is_page=True, status=200, pages=1, files=1, page_parts=1
        ),
        "beside": Reported(url="/", is_page=True, status=200, pages=1, has_reported_links=True),
        "alone.png": Reported(url="/", status=200, files=1),
        "login.png": Reported(
            url="/", is_page=True, status=200, pages=1, outcome=Outcome.ERROR_PAGE, rule="error_page"
        ),
        "forbidden.png": Reported(url="/", status=403, outcome=Outcome.HTTP_ERROR, rule="http.403"),
        "missing": Reported(url="/", status=404, outcome=Outcome.HTTP_ERROR, rule="http.404"),
        "empty.png": Reported(url="/", status=200, outcome=Outcome.EMPTY, rule="degenerate"),
        "away": Reported(url="/", outcome=Outcome.OUT_OF_SCOPE, rule="scope.host"),
    }
    failed = {one.url.removeprefix(host.url) for one in found.skips if one.is_failure}
    assert failed == {"gate", "login.png", "forbidden.png", "empty.png", "away"}
    assert (found.tally.pages, found.tally.files, found.tally.error_bodies) == (4, 7, 2)


def test_a_host_that_refuses_its_files_is_a_failure_with_the_counts() -> None:
    resources = {"/": page("a.png", "b.png", "c.png", "d.png")}
    resources |= {f"/{name}.png": refused(status) for name, status in (("a", 403), ("b", 403), ("c", 401))}
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
    *files, failure = [one for one in found.skips if one.is_failure]
    assert sorted(one.rule for one in files) == ["http.401", "http.403", "http.403"]
    assert (failure.outcome, failure.rule) == ("refused", "host.files")
    assert failure.url in {f"{host.url}{name}.png" for name in "abc"}
    assert failure.reason == "the host refused 3 of 3 files: 2 answered 403, 1 answered 401; 1 more is gone"
    assert found.tally.failures == 4


def test_a_page_in_place_of_each_picture_is_a_refusal_and_a_page_about_a_file_is_none() -> None:
    about = Resource("text/html", b"<p>about a picture")
    pictures = {"/": page("a.png", "b.png"), "/a.png": about, "/b.png": about}
    with SyntheticHost(pictures) as host:
        (failure,) = [one for one in crawl(host.url).skips if one.is_failure]
    assert failure.reason == "the host refused 2 of 2 files: 2 answered with a page"
    wiki = {"/": Resource("text/html", b'<a href="/wiki/File:a.png">a</a><a href="/wiki/File:b.png">b</a>')}
    wiki |= {f"/wiki/File:{name}.png": about for name in "ab"}
    with SyntheticHost(wiki) as host:
        found = crawl(host.url)
    assert sorted(found.outcomes.values()) == ["error_page", "error_page"]
    assert found.tally.failures == 0
