"""A re-check asks for its reported URLs alone, and says what else a judgement about a removal needs."""

from __future__ import annotations

import os
from dataclasses import replace

from contained import crawl
from orbweaver.crawler.visiting.page_signs import page_print
from orbweaver.model import Outcome
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(300)
SOFT = "<title>Our site</title><p>Nothing at {} since 12:07, sorry.</p><a href=/link>more</a>"
RESOURCES = {
    "/": Resource("text/html", b"<title>Our site</title><p>Welcome<img src=/shown.png><a href=/link>more</a>"),
    "/a/known.png": Resource("image/png", PNG),
    "/a/gone.png": Resource("text/html", SOFT.format("/a/gone.png").encode()),
    "/a/q7x1.png": Resource("text/html", SOFT.format("/a/q7x1.png").replace("12:07", "12:08").encode()),
    "/a/moved.png": Resource(None, headers={"Location": "/a/known.png"}, status=302),
    "/robots.txt": Resource("text/plain", b"Sitemap: /sitemap.xml\n"),
    "/elsewhere": Resource("text/html", b"<p>This video is not available in your country"),
    "/private": Resource("text/html", b"<h1>Not found</h1><p>This album does not exist or is private."),
    "/disguise": Resource("text/html", b"<p>404<meta http-equiv=refresh content='0;url=/a/known.png'>", status=404),
    "/home": Resource("text/html", b"<p>404<meta http-equiv=refresh content='5;url=/'>", status=404),
    "/shell": Resource(
        "text/html", b"<title>Share</title>Loading<noscript>Use scripts!</noscript><script src=/a.js></script>"
    ),
    "/v/IMG_4711.jpg": Resource("text/html", b"<h1>Share</h1><img src='/i/img_4711-large.jpg'>"),
    "/w/IMG_4711.jpg": Resource("text/html", b"<h1>404 Not Found</h1><img src='/i/img_4711.jpg'>", status=404),
    "/x/IMG_4711.jpg": Resource("text/html", b"<h1>Nothing at /x/IMG_4711.jpg</h1><img src='/logo.png'>"),
    "/little": Resource("text/html", b"<p>Nothing to see here<script src=/a.js></script>"),
    "/trouble": Resource("text/html", b"<h1>502 Bad Gateway</h1>", status=404),
}


def test_a_recheck_follows_no_link_and_says_where_answers_came_from_and_what_pages_are() -> None:
    names = ("", "a/known.png", "a/gone.png", "a/q7x1.png", "a/moved.png", "elsewhere", "trouble")
    names += ("private", "disguise", "home", "shell", "little", *(f"{one}/IMG_4711.jpg" for one in "vwx"))
    with SyntheticHost(RESOURCES) as host:
        found = crawl(*(host.url + name for name in names), terms={"follows_links": False})
        requests, root = host.requests, host.url
    said = {one.url.removeprefix(root): one for one in found.reported}

    assert {path for path, _ in requests} == {f"/{name}" for name in names}
    assert said["a/known.png"].final_url == f"{root}a/known.png"
    assert said["a/moved.png"].final_url == f"{root}a/known.png"
    assert {one.ip for one in said.values()} == {"127.0.0.1"}
    assert said["a/gone.png"].outcome is Outcome.ERROR_PAGE
    assert said["a/gone.png"].page_print == said["a/q7x1.png"].page_print is not None
    assert said[""].page_print not in {None, said["a/gone.png"].page_print}
    assert (said["a/known.png"].page_print, said["a/known.png"].says) == (None, "")
    assert (said["elsewhere"].says, said["trouble"].says) == ("elsewhere", "unavailable")
    assert [said[one].says for one in names[-8:-3]] == ["elsewhere", "sends-on", "gone", "script", ""]
    assert [said[one].says for one in names[-3:]] == ["viewer", "viewer", ""]
    assert (said["elsewhere"].rule, said["trouble"].status) == ("error_page.elsewhere", 404)
    assert {one.url.removeprefix(root) for one in found.sightings} == {"a/known.png", "a/moved.png"}


def test_an_ordinary_recrawl_says_nothing_of_it() -> None:
    with SyntheticHost({"/": replace(RESOURCES["/"], body=b"<p>Welcome")}) as host:
        (said,) = crawl(host.url).reported

    assert (said.final_url, said.page_print, said.says) == (None, None, "")


def test_the_print_of_a_page_is_of_its_words_alone() -> None:
    one = page_print("<p>No Such   page<script>a()</script><!-- a -->", "http://h.test/a")

    assert one == page_print("<div class=b>no such<br>PAGE</div><style>c</style> 12", "http://h.test/b?c")
    assert one != page_print("<p>No such thing", "http://h.test/a")
    assert one == page_print("<p>No such page secret", "http://h.test/x/secret.png")
    assert page_print("<img src=a> 12", "http://h.test/a") is None
