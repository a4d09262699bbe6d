"""Styles: in attributes, in style elements, and in style sheets."""

from __future__ import annotations

from functools import partial

from bench.recall.site import LONG_AGO, UNMARKED, Answer, Page, Site, site

one = partial(site, "styles")
LINK = "<html><head><link rel=stylesheet href=/css/s.css></head><body><p class=x>x</p></body></html>"


def css(text: str | bytes, content_type: str = "text/css", headers: tuple[str, ...] = ()) -> Answer:
    return Answer(text, content_type=content_type, headers=headers)


def sheet(name: str, text: str | bytes, *, shown: str = "", more: str = "", left_out: str = "", **pages: Page) -> Site:
    return one(name, LINK, pages={"/css/s.css": css(text), **{f"/css/{n}.css": p for n, p in pages.items()}},
               shown=shown, more=more, left_out=left_out)  # fmt: skip


SITES = (
    one("style attribute", "<p style='background-image: url(/a.jpg)'>x</p>", shown="/a.jpg"),
    one("style attribute with entities", "<p style='background:url(&quot;/a.jpg&quot;)'>x</p>", shown="/a.jpg"),
    one("style attribute with a double quote inside", """<p style="background:url('/a (1).jpg')">x</p>""",
        pages={"/a%20(1).jpg": Answer(file="/a-1.jpg", content_type="image/jpeg")}, shown="/a-1.jpg"),
    one("style element", "<style>.x{background:url(/a.jpg)}</style><p class=x>x</p>", shown="/a.jpg"),
    one("several on one line", "<style>.x{background:url(/a.jpg)}.y{background:url(/b.jpg)}</style><p class=x>x<p class=y>",
        shown="/a.jpg /b.jpg"),
    one("list, border, content and cursor", "<style>li{list-style-image:url(/a.png)}p{border:9px solid;"
        "border-image:url(/b.png) 9}p::before{content:url(/c.png)}p{cursor:url(/d.png),auto}</style><ul><li>x</ul><p>x",
        shown="/a.png /b.png /c.png /d.png"),
    one("mask and shape", "<style>p{mask-image:url(/a.svg);-webkit-mask:url(/b.svg)}</style><p>x", shown="/b.svg",
        more="/a.svg"),
    one("rule that does not apply", "<style>.nobody{background:url(/a.jpg)}@media print{p{background:url(/b.jpg)}}</style>",
        more="/a.jpg /b.jpg"),
    one("hover", "<style>p:hover{background:url(/a.jpg)}</style><p>x", more="/a.jpg"),
    one("custom property", "<style>:root{--p:url(/a.jpg)}p{background:var(--p)}</style><p>x", shown="/a.jpg"),
    one("custom property in an attribute", "<p style='--bg: url(/a.jpg)'>x", more="/a.jpg"),
    one("image-set", "<style>p{background:image-set('/a.png' 1x, '/b.png' 2x)}</style><p>x", shown="/a.png",
        more="/b.png"),
    one("-webkit-image-set", "<style>p{background:-webkit-image-set(url(/a.png) 1x,url(/b.png) 2x)}</style><p>x",
        shown="/a.png", more="/b.png"),
    one("cross-fade", "<style>p{background:-webkit-cross-fade(url(/a.png),url(/b.png),50%)}</style><p>x",
        shown="/a.png /b.png"),
    one("escapes", r"<style>p{background:url(/a\2e jpg)}</style><p>x", shown="/a.jpg"),
    one("comment inside", "<style>p{/* url(/no.jpg) */background:/**/url(/a.jpg)}</style><p>x", shown="/a.jpg"),
    one("blanks and line ends", "<style>p{background:url(\n  '/a.jpg'\n )}</style><p>x", shown="/a.jpg"),
    one("unclosed at the end", "<style>p{background:url(/a.jpg", shown="", more="/a.jpg", left_out="the address is not closed, and no browser reads it"),
    one("alternative style sheet", "<html><head><link rel='alternate stylesheet' title=x href=/s.css></head></html>",
        pages={"/s.css": css("p{background:url(/a.jpg)}")}, more="/a.jpg"),
    one("style sheet for print", "<html><head><link rel=stylesheet media=print href=/s.css></head><body><p>x</body></html>",
        pages={"/s.css": css("p{background:url(/a.jpg)}")}, more="/a.jpg"),
    one("style sheet with onload", "<html><head><link rel=preload as=style onload=\"this.rel='stylesheet'\" href=/s.css>"
        "</head></html>", pages={"/s.css": css("p{background:url(/a.jpg)}")}, more="/a.jpg"),
    one("style sheet named by a script", "<script>loadCSS('/s.css')</script>",
        pages={"/s.css": css("p{background:url(/a.jpg)}")}, more="/a.jpg", left_out=UNMARKED),
    one("style sheet in a processing instruction", Answer(
        "<?xml version='1.0'?><?xml-stylesheet href='/s.css' type='text/css'?>"
        "<html xmlns='http://www.w3.org/1999/xhtml'><body><p>x</p></body></html>", content_type="application/xhtml+xml"),
        pages={"/s.css": css("p{background:url(/a.jpg)}")}, shown="/a.jpg"),
    sheet("relative to the sheet", ".x{background:url(../img/a.jpg)}", shown="/img/a.jpg"),
    sheet("import", "@import 'b.css';", shown="/css/a.jpg", b=css(".x{background:url(a.jpg)}")),
    sheet("import with url()", "@import url(b.css) screen;", shown="/css/a.jpg", b=css(".x{background:url(a.jpg)}")),
    sheet("import with a layer", "@import url('b.css') layer(x) supports(display:grid);", shown="/css/a.jpg",
          b=css(".x{background:url(a.jpg)}")),
    sheet("minified", ".x{background:url(a.png)no-repeat,url(b.png)}.y{background:url(c.png)}",
          shown="/css/a.png /css/b.png", more="/css/c.png"),
    sheet("empty url() before another", "#e{background-image:url();width:9px}.x{background-image:url(\"a.png\")}",
          shown="/css/a.png"),
    sheet("charset of the sheet", '@charset "windows-1252";.x{background:url(\xe9.jpg)}'.encode("cp1252"),
          shown="/css/%C3%A9.jpg"),
    sheet("sheet in UTF-16", "\ufeff.x{background:url(a.jpg)}".encode("utf-16-le"), shown="/css/a.jpg"),
    sheet("escaped parenthesis", r".x{background:url(a\(1\).jpg)}", shown="/css/a(1).jpg"),
    sheet("font and source map", "@font-face{font-family:f;src:url(f.woff2)}.x{font-family:f;background:url(a.jpg)}\n"
          "/*# sourceMappingURL=s.css.map */", shown="/css/a.jpg"),
    sheet("data uri with a bracket in it", ".x{background:url(\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'"
          "><path d='m(1)'/></svg>\"),url(a.jpg)}", shown="/css/a.jpg"),
    sheet("behaviour and filter of old", ".x{filter:progid:DXImageTransform.Microsoft.AlphaImageLoader(src='/a.png')}",
          more="/a.png", left_out=LONG_AGO),
    one("sheet without a type", LINK, pages={"/css/s.css": css(".x{background:url(/a.jpg)}", "")}, shown="/a.jpg"),
    one("sheet declared as plain text", LINK.replace("<!DOCTYPE html>", ""),
        pages={"/css/s.css": css(".x{background:url(/a.jpg)}", "text/plain")}, shown="/a.jpg"),
    one("sheet in a data uri", "<link rel=stylesheet href='data:text/css,body%7Bbackground:url(http://{host}/a.jpg)%7D'>",
        shown="/a.jpg"),
)  # fmt: skip
