"""Hosts that answer by how they are asked: Referer, Accept, Sec-Fetch, cookies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bench.recall.site import Answer, Site, site

one = partial(site, "how a host is asked")
REFUSED = Answer("Forbidden", status=403, content_type="text/plain")
PLACEHOLDER = Answer(b"GIF89a placeholder: no hotlinking", content_type="image/gif")
TO_LOGIN = Answer("", status=302, headers=("Location: /login",))


def file(label: str, when: Mapping[str, str], **fields: object) -> Answer:
    return Answer(file=label, content_type="image/jpeg", when=when, **fields)  # type: ignore[arg-type]


def only(
    name: str,
    when: Mapping[str, str],
    otherwise: Answer = REFUSED,
    content: str = "<img src=/f/a.jpg>",
    **fields: object,
) -> Site:
    return one(name, content, pages={"/f/a.jpg": (file("/f/a.jpg", when), otherwise),
               **fields.pop("pages", {})}, shown="/f/a.jpg", **fields)  # type: ignore[arg-type, dict-item]  # fmt: skip


def sets(cookie: str, text: str) -> Answer:
    return Answer(f"<!doctype html>{text}", headers=(f"Set-Cookie: {cookie}",))


OWN = r"^http://{host}/"
NO_BROWSER = (
    "by default Orbweaver does not claim to be a browser; with a browser's user agent in the access profile it does"
)
COOKIE = {"Cookie": r"\bseen=1\b"}

SITES = (
    only("Referer of the host", {"Referer": OWN}),
    only("Referer or a placeholder", {"Referer": OWN}, PLACEHOLDER),
    only("Referer or a page", {"Referer": OWN}, Answer("<!doctype html><p>Please visit our site")),
    only("Referer or a redirect to a page", {"Referer": OWN}, Answer("", status=302, headers=("Location: /",))),
    only("Referer or 404", {"Referer": OWN}, Answer("no", status=404)),
    only("Referer of exactly the page", {"Referer": r"^http://{host}/g/7$"}, content="<a href=/g/7>g</a>",
         pages={"/g/7": "<img src=/f/a.jpg>"}),
    only("Referer of the page, for a link", {"Referer": r"^http://{host}/$"}, content="<a href=/f/a.jpg>a</a>"),
    only("Referer for what a style sheet shows", {"Referer": r"^http://{host}/s.css$"},
         content="<link rel=stylesheet href=/s.css><p>x", pages={
             "/s.css": Answer("p{background:url(/f/a.jpg)}", content_type="text/css")}),
    only("Referer after a redirect", {"Referer": r"^http://{host}/$"}, content="<img src=/go>",
         pages={"/go": Answer("", status=302, headers=("Location: /f/a.jpg",))}),
    one("Referer for a page", "<a href=/2>2</a>", pages={"/2": (
        Answer("<!doctype html><img src=/a.jpg>", when={"Referer": OWN}), REFUSED)}, shown="/a.jpg"),
    one("no Referer where the page says so", "<meta name=referrer content=no-referrer><img src=/f/a.jpg>",
        pages={"/f/a.jpg": (file("/f/a.jpg", {"Referer": ""}), REFUSED)}, shown="/f/a.jpg"),
    one("no Referer where the element says so", "<img referrerpolicy=no-referrer src=/f/a.jpg>",
        pages={"/f/a.jpg": (file("/f/a.jpg", {"Referer": ""}), REFUSED)}, shown="/f/a.jpg"),
    only("Accept of pictures", {"Accept": r"image/"}),
    only("Accept with a wildcard", {"Accept": r"\*/\*"}),
    one("Accept of pages", Answer("no", status=406), pages={"/": (
        Answer("<!doctype html><img src=/a.jpg>", when={"Accept": r"text/html"}), Answer("no", status=406))},
        shown="/a.jpg"),
    one("another form by Accept", "<img src=/f/a>", pages={"/f/a": (
        Answer(file="/a.webp", content_type="image/webp", when={"Accept": r"image/webp"}),
        Answer("gone", status=404))}, shown="/a.webp"),
    only("Accept-Language", {"Accept-Language": r"[a-z]"}),
    only("Accept-Encoding", {"Accept-Encoding": r"gzip"}, left_out=NO_BROWSER),
    only("Sec-Fetch-Dest of a picture", {"Sec-Fetch-Dest": r"^image$"}, left_out=NO_BROWSER),
    only("no Sec-Fetch-Dest of a page", {"Sec-Fetch-Dest": r"^(?!document)"}, PLACEHOLDER),
    one("range of a film", "<video src=/a.mp4></video>", pages={"/a.mp4": (
        Answer(file="/a.mp4", content_type="video/mp4", headers=("Accept-Ranges: bytes",)),)}, shown="/a.mp4"),
    only("user agent of a browser", {"User-Agent": r"Mozilla/5\.0"}),
    one("redirect to itself with a cookie", Answer(), pages={"/": (
        Answer("<!doctype html><img src=/a.jpg>", when=COOKIE),
        Answer("", status=302, headers=("Location: /", "Set-Cookie: seen=1")))}, shown="/a.jpg"),
    only("cookie of the page for its picture", COOKIE, content="", pages={
        "/": sets("seen=1; Path=/", "<img src=/f/a.jpg>")}),
    only("cookie of one page for the next", COOKIE, content="", pages={
        "/": sets("seen=1; Path=/; HttpOnly", "<a href=/2>2</a>"), "/2": "<img src=/f/a.jpg>"}),
    only("cookie or a redirect to the login", COOKIE, TO_LOGIN, content="", pages={
        "/": sets("seen=1; Path=/; SameSite=Lax", "<img src=/f/a.jpg>"), "/login": "<form method=post>log in</form>"}),
    only("cookie with a path", COOKIE, content="", pages={"/": sets("seen=1; Path=/f/", "<img src=/f/a.jpg>")}),
    only("cookie without a path", COOKIE, content="<a href=/f/>f</a>", pages={"/f/": sets("seen=1", "<img src=a.jpg>")}),
    only("cookie that a redirect sets", COOKIE, content="", pages={
        "/": Answer("", status=302, headers=("Location: /home", "Set-Cookie: seen=1; Path=/")),
        "/home": "<img src=/f/a.jpg>"}),
    only("cookie that a redirect changes", COOKIE, content="", pages={
        "/": Answer("", status=302, headers=("Location: /home", "Set-Cookie: seen=0; Path=/")),
        "/home": Answer("", status=302, headers=("Location: /in", "Set-Cookie: seen=1; Path=/")),
        "/in": "<img src=/f/a.jpg>"}),
    one("redirects round to the start with a cookie", (
        Answer("<!doctype html><img src=/a.jpg>", when=COOKIE), Answer("", status=302, headers=("Location: /set?to=/",))),
        pages={"/set?to=/": Answer("", status=302, headers=("Location: /", "Set-Cookie: seen=1; Path=/"))}, shown="/a.jpg"),
    one("redirect to itself in another order", (
        Answer("", status=302, headers=("Location: /?b=2&a=1",))), start="/?a=1&b=2",
        pages={"/?b=2&a=1": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("page that reloads itself with a cookie", (
        Answer("<!doctype html><img src=/a.jpg>", when=COOKIE),
        Answer("<!doctype html><meta http-equiv=refresh content=0>", headers=("Set-Cookie: seen=1; Path=/",))), shown="/a.jpg"),
    only("two cookies", {"Cookie": r"(?=.*seen=1)(?=.*ok=2)"}, content="", pages={"/": Answer(
        "<!doctype html><img src=/f/a.jpg>", headers=("Set-Cookie: seen=1", "Set-Cookie: ok=2"))}),
    only("cookie with a date", COOKIE, content="", pages={
        "/": sets("seen=1; expires=Fri, 01 Jan 2038 00:00:00 GMT; path=/", "<img src=/f/a.jpg>")}),
    only("cookie of a picture for a picture", COOKIE, content="<img src=/p.gif><a href=/2>2</a>", pages={
        "/p.gif": Answer(b"GIF89a pixel", content_type="image/gif", headers=("Set-Cookie: seen=1",)),
        "/2": "<img src=/f/a.jpg>"}),
    only("cookie and Referer", {**COOKIE, "Referer": OWN}, content="", pages={
        "/": sets("seen=1; Path=/", "<img src=/f/a.jpg>")}),
)  # fmt: skip
