"""HTTP as hosts write it and browsers accept it."""

from __future__ import annotations

from functools import partial

from bench.recall.site import Answer, Site, site

one = partial(site, "HTTP")
OK = "HTTP/1.1 200 OK\nConnection: close\n"


def file(name: str, answer: Answer, shown: str = "/a.jpg", more: str = "") -> Site:
    return one(name, "<img src=/a.jpg>", pages={"/a.jpg": answer}, shown=shown, more=more)


def jpeg(head: str = "", packing: str = "", **fields: object) -> Answer:
    return Answer(file="/a.jpg", content_type="image/jpeg", head=head, packing=packing, **fields)  # type: ignore[arg-type]


def page(name: str, answer: Answer, shown: str = "/a.jpg", more: str = "") -> Site:
    return one(name, answer, shown=shown, more=more)


BODY = "<!doctype html><img src=/a.jpg>"

SITES = (
    file("gzip", jpeg(packing="gzip", headers=("Content-Encoding: gzip",))),
    file("x-gzip", jpeg(packing="gzip", headers=("Content-Encoding: x-gzip",))),
    file("gzip with stray bytes", jpeg(packing="gzip and stray bytes", headers=("Content-Encoding: gzip",))),
    file("gzip in two members", jpeg(packing="gzip in two members", headers=("Content-Encoding: gzip",))),
    file("deflate", jpeg(packing="deflate", headers=("Content-Encoding: deflate",))),
    file("deflate without its head", jpeg(packing="deflate without its head", headers=("Content-Encoding: deflate",))),
    file("chunked", jpeg(packing="chunked")),
    file("chunked gzip", jpeg(packing="chunked gzip", headers=("Content-Encoding: gzip",))),
    file("Content-Encoding: none", jpeg(headers=("Content-Encoding: none",))),
    file("Content-Encoding: UTF-8", jpeg(headers=("Content-Encoding: UTF-8",))),
    file("Content-Encoding: binary", jpeg(headers=("Content-Encoding: binary",))),
    file("Content-Encoding: identity", jpeg(headers=("Content-Encoding: identity",))),
    file("Content-Encoding empty", jpeg(headers=("Content-Encoding: ",))),
    file("Content-Encoding: image/jpeg", jpeg(headers=("Content-Encoding: image/jpeg",))),
    file("gzip in capitals", jpeg(packing="gzip", headers=("Content-Encoding: GZIP",))),
    file("Content-Length twice, equal", jpeg(OK + "Content-Type: image/jpeg\nContent-Length: {length}\nContent-Length: {length}")),
    file("Content-Length as an equal list", jpeg(OK + "Content-Type: image/jpeg\nContent-Length: {length}, {length}")),
    file("no length, closed at the end", jpeg(OK + "Content-Type: image/jpeg")),
    file("HTTP/1.0", jpeg("HTTP/1.0 200 OK\nContent-Type: image/jpeg")),
    file("HTTP/1.0 with keep-alive", jpeg("HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: {length}\nContent-Type: image/jpeg")),
    file("no reason", jpeg("HTTP/1.1 200\nConnection: close\nContent-Length: {length}")),
    file("reason in Latin-1", jpeg("HTTP/1.1 200 d\xe9j\xe0 vu\nConnection: close\nContent-Length: {length}")),
    file("header in Latin-1", jpeg(OK + "X-Name: \xe9t\xe9\nContent-Length: {length}")),
    file("header without a value", jpeg(OK + "X-Empty:\nContent-Length: {length}")),
    file("header without a blank", jpeg("HTTP/1.1 200 OK\nConnection:close\nContent-Length:{length}\nContent-Type:image/jpeg")),
    file("header that goes on", jpeg(OK + "X-Long: one\n two\nContent-Length: {length}")),
    file("header name with a blank", jpeg(OK + "X Powered By: x\nContent-Length: {length}")),
    file("line without a colon", jpeg(OK + "this is no header\nContent-Length: {length}")),
    file("long header", jpeg(OK + f"X-Long: {'x' * 12_000}\nContent-Length: {{length}}")),
    file("many headers", jpeg(OK + "".join(f"X-{n}: {n}\n" for n in range(150)) + "Content-Length: {length}")),
    file("status 203", jpeg("HTTP/1.1 203 Changed\nConnection: close\nContent-Length: {length}\nContent-Type: image/jpeg")),
    file("early hints", jpeg("HTTP/1.1 103 Early Hints\nLink: </x.css>; rel=preload\n\nHTTP/1.1 200 OK\nConnection: close\nContent-Length: {length}")),
    file("100 before the answer", jpeg("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nConnection: close\nContent-Length: {length}")),
    file("wrong type", Answer(file="/a.jpg", content_type="text/plain")),
    file("type text/html", Answer(file="/a.jpg", content_type="text/html")),
    file("type twice", Answer(file="/a.jpg", content_type="image/jpeg, image/jpeg")),
    file("no type", Answer(file="/a.jpg", content_type=None)),
    file("attachment", jpeg(headers=("Content-Disposition: attachment; filename=x.jpg",))),
    file("206 of the whole file", Answer(file="/a.jpg", head="HTTP/1.1 206 Partial Content\nConnection: close\n"
         "Content-Length: {length}\nContent-Range: bytes 0-1519/1520\nContent-Type: image/jpeg")),
    file("503 once", (Answer("busy", status=503, headers=("Retry-After: 0",), first=1), jpeg()), shown="", more="/a.jpg"),  # type: ignore[arg-type]
    file("429 once", (Answer("slow down", status=429, headers=("Retry-After: 1",), first=1), jpeg()), shown="", more="/a.jpg"),  # type: ignore[arg-type]
    page("text/html twice", Answer(BODY, content_type="text/html,text/html")),
    page("text/html twice with a charset", Answer(BODY, content_type="text/html; charset=utf-8, text/html")),
    page("page with an odd charset", Answer(BODY, content_type='text/html; charset="utf8')),
    page("page gzipped with stray bytes", Answer(BODY, packing="gzip and stray bytes", headers=("Content-Encoding: gzip",))),
    page("page in Content-Encoding: none", Answer(BODY, headers=("Content-Encoding: none",))),
    page("page without a type that begins with a tag", Answer("<div><p>x</p><img src=/a.jpg></div>", content_type=None)),
    page("page without a type that begins with a comment", Answer("<!-- x --><p>x<img src=/a.jpg>", content_type=None)),
    page("page of a type that no one knows", Answer(BODY, content_type="unknown/unknown")),
    page("page as */*", Answer(BODY, content_type="*/*")),
    page("page whose length is too long", Answer(BODY, head=OK + "Content-Type: text/html\nContent-Length: 9000"),
         shown="/a.jpg"),
    page("script of the server said an error first", Answer("\n\nWarning: x in y.php on line 3\n<html><img src=/a.jpg></html>",
         content_type="text/html")),
)  # fmt: skip
