"""Addresses: redirects, session ids, optimisers of images, and spellings that only a browser puts right."""

from __future__ import annotations

from functools import partial

from bench.recall.site import Answer, site

one = partial(site, "addresses")
JPEG = "image/jpeg"


def moved(target: str, status: int = 302) -> Answer:
    return Answer("moved", status=status, headers=(f"Location: {target}",))


def jpeg(label: str, **fields: object) -> Answer:
    return Answer(file=label, content_type=JPEG, **fields)  # type: ignore[arg-type]


SID_1, SID_2 = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"

SITES = (
    one("redirect of a file", "<img src=/go>", pages={"/go": moved("/a.jpg")}, shown="/a.jpg"),
    one("redirects in a row", "<img src=/1>", pages={"/1": moved("/2", 301), "/2": moved("/3", 307), "/3": moved("/a.jpg", 308)},
        shown="/a.jpg"),
    one("redirect with a relative place", "<img src=/deep/go>", pages={"/deep/go": moved("a.jpg")}, shown="/deep/a.jpg"),
    one("redirect with a blank", "<img src=/go>", pages={"/go": moved("/my photo.jpg")}, shown="/my%20photo.jpg"),
    one("redirect of the start", moved("/home"), pages={"/home": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("redirect through another host", "<img src=/go>", pages={"/go": moved("http://{other}/out")},
        other={"/out": moved("http://{host}/a.jpg", 303)}, shown="/a.jpg",
        left_out="a redirect to another host is not followed where that is out of scope"),
    one("leave page of the own host", "<a href='/leave?to=http%3A%2F%2F{host}%2Fa.jpg'>x</a>",
        pages={"/leave": "<p>you leave"}, more="/a.jpg"),
    one("session id that tells files apart", f"<img src=/i?sid={SID_1}><img src=/i?sid={SID_2}>",
        shown=f"/i?sid={SID_1} /i?sid={SID_2}"),
    one("PHPSESSID in links", "<a href='/2?PHPSESSID={visit}123456789abcdef0123456789abcdef'>2</a>",
        pages={"/2": "<img src='/a.jpg?PHPSESSID={visit}123456789abcdef0123456789abcdef'>",
               "/a.jpg": jpeg("/a.jpg")}, shown="/a.jpg"),
    one("jsessionid in the path", "<a href='/2;jsessionid=0123456789ABCDEF0123'>2</a>", pages={
        "/2;jsessionid=0123456789ABCDEF0123": "<img src='/a;jsessionid=0123456789ABCDEF0123'>",
        "/a;jsessionid=0123456789ABCDEF0123": jpeg("/a.jpg")}, shown="/a.jpg"),
    one("session_id that is the file's", "<a href='/i?session_id=AAAABBBBCCCC1111'>1</a><a href='/i?session_id=AAAABBBBCCCC2222'>2</a>",
        shown="/i?session_id=AAAABBBBCCCC1111 /i?session_id=AAAABBBBCCCC2222"),
    one("order of a query that matters", "<a href='/i?a=1&b=2'>x</a><a href='/i?b=2&a=1'>y</a>",
        shown="/i?a=1&b=2 /i?b=2&a=1"),
    one("utm that tells files apart", "<a href='/i?utm_source=x'>x</a><a href='/i?utm_source=y'>y</a>",
        shown="/i?utm_source=x /i?utm_source=y"),
    one("_next/image", "<img src='/_next/image?url=%2Ff%2Fa.jpg&amp;w=640&amp;q=75'>",
        pages={"/_next/image?url=%2Ff%2Fa.jpg&w=640&q=75": jpeg("/small.jpg")}, shown="/small.jpg", more="/f/a.jpg"),
    one("cdn-cgi/image", "<img src=/cdn-cgi/image/width=80,quality=75/f/a.jpg>",
        pages={"/cdn-cgi/image/width=80,quality=75/f/a.jpg": jpeg("/small.jpg")}, shown="/small.jpg", more="/f/a.jpg"),
    one("_vercel/image", "<img src='/_vercel/image?url=%2Ff%2Fa.jpg&amp;w=640'>",
        pages={"/_vercel/image": jpeg("/small.jpg")}, shown="/small.jpg", more="/f/a.jpg"),
    one("_ipx of Nuxt", "<img src=/_ipx/w_80/f/a.jpg>", pages={"/_ipx/w_80/f/a.jpg": jpeg("/small.jpg")},
        shown="/small.jpg", more="/f/a.jpg"),
    one("thumbor", "<img src=/thumbor/unsafe/80x60/smart/f/a.jpg>",
        pages={"/thumbor/unsafe/80x60/smart/f/a.jpg": jpeg("/small.jpg")}, shown="/small.jpg", more="/f/a.jpg"),
    one("imgproxy", "<img src=/insecure/rs:fit:80:60/plain/http://{host}/f/a.jpg@webp>", pages={
        "/insecure/rs:fit:80:60/plain/http://{host}/f/a.jpg@webp": jpeg("/small.jpg")}, shown="/small.jpg", more="/f/a.jpg"),
    one("timthumb", "<img src='/timthumb.php?src=/f/a.jpg&amp;w=80'>", pages={"/timthumb.php": jpeg("/small.jpg")},
        shown="/small.jpg", more="/f/a.jpg"),
    one("numbered pages", "<a href=/p/1>1</a>", pages={"/p/1": "<img src=/1.jpg><a href='2'>next</a>",
        "/p/2": "<img src=/2.jpg><a href='3'>next</a>", "/p/3": "<img src=/3.jpg>"}, shown="/1.jpg /2.jpg /3.jpg"),
    one("deep page", "<a href=/1>1</a>", pages={
        **{f"/{n}": f"<a href=/{n + 1}>{n + 1}</a>" for n in range(1, 9)}, "/9": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("query alone", "<a href='?page=2'>2</a>", pages={"/?page=2": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("semicolons in a query", "<a href='/g?a=1;b=2'>x</a>", pages={"/g?a=1;b=2": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("dots in a path", "<img src=/x/../f/./a.jpg><img src='/x/%2e%2e/f/b.jpg'>", shown="/f/a.jpg /f/b.jpg"),
    one("two slashes", "<img src=/f//a.jpg>", shown="/f//a.jpg"),
    one("percent alone", "<img src='/100%.jpg'>", pages={"/100%.jpg": jpeg("/100.jpg"), "/100%25.jpg": jpeg("/100.jpg")},
        shown="/100.jpg"),
    one("brackets and bars", "<img src='/a[1]|b.jpg'>", pages={"/a[1]|b.jpg": jpeg("/bars.jpg"),
        "/a[1]%7Cb.jpg": jpeg("/bars.jpg"), "/a%5B1%5D%7Cb.jpg": jpeg("/bars.jpg")}, shown="/bars.jpg"),
    one("path without its slash", "<img src='http:/f/a.jpg'><img src='http:f/b.jpg'>", shown="/f/a.jpg /f/b.jpg"),
    one("scheme of the page", "<img src=//{host}/a.jpg>", shown="/a.jpg"),
    one("name and password", "<img src='/a.jpg'><a href='http://u:p@{host}/b.jpg'>b</a>", shown="/a.jpg /b.jpg"),
    one("upper case in the path", "<img src=/a.jpg><img src=/A.jpg>", shown="/a.jpg /A.jpg"),
    one("slash at the end", "<a href=/g>1</a><a href=/g/>2</a>", pages={"/g": "<img src=/a.jpg>", "/g/": "<img src=/b.jpg>"},
        shown="/a.jpg /b.jpg"),
    one("the same address, a file and a page", "<a href=/v/a.jpg>view</a>", pages={
        "/v/a.jpg": "<p>a page about a picture<img src=/raw/a.jpg>"}, shown="/raw/a.jpg"),
    one("page with the ending of a file", "<img src=/s.jpg><a href=/view/a.jpg.html>x</a>",
        pages={"/view/a.jpg.html": "<img src=/f/a.jpg>"}, shown="/s.jpg /f/a.jpg"),
    one("404 with pictures", "<a href=/gone>x</a>", pages={"/gone": Answer(
        "<!doctype html><img src=/a.jpg>", status=404)}, shown="/a.jpg"),
    one("Refresh header", Answer("<!doctype html><p>wait", headers=("Refresh: 0; url=/2",)),
        pages={"/2": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("Link header, preload", Answer("<!doctype html><p>x", headers=("Link: </a.jpg>; rel=preload; as=image",)),
        shown="/a.jpg"),
    one("Link header, style sheet", Answer("<!doctype html><p>x", headers=("Link: </s.css>; rel=stylesheet",)),
        pages={"/s.css": Answer("p{background:url(/a.jpg)}", content_type="text/css")}, more="/a.jpg"),
    one("Link header, next page", Answer("<!doctype html><p>x", headers=('Link: </2>; rel="next"',)),
        pages={"/2": "<img src=/a.jpg>"}, more="/a.jpg"),
)  # fmt: skip
