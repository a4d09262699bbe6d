"""Files that only a script would show: their addresses stand in its text, in JSON, or in what machines read."""

from __future__ import annotations

from functools import partial

from bench.recall.site import Answer, site

one = partial(site, "scripts and metadata")


def script(text: str, kind: str = "") -> str:
    return f"<script{kind}>{text}</script>"


JSON_LD = " type=application/ld+json"
JSON = " type=application/json"


def meta(name: str, value: str, by: str = "property") -> str:
    return f'<html><head><meta {by}="{name}" content="{value}"></head></html>'


SITES = (
    one("string with a path", script("var a = '/f/a.jpg';"), more="/f/a.jpg"),
    one("string with an absolute address", script('play("http://{host}/a.mp4");'), more="/a.mp4"),
    one("absolute address without ending", script('show("http://{host}/file/17");'), more="/file/17"),
    one("template literal", script("const a = `/f/a.jpg`;"), more="/f/a.jpg"),
    one("relative path", script("load('f/a.jpg')"), more="/f/a.jpg"),
    one("path with a query", script("load('/f/a.jpg?v=3&w=100')"), more="/f/a.jpg?v=3&w=100"),
    one("escaped slashes", script('var x = {"url":"http:\\/\\/{host}\\/f\\/a.jpg"};'), more="/f/a.jpg"),
    one("slashes as \\u002F", script('window.__STATE__={"url":"\\u002Ff\\u002Fa.jpg"}'), more="/f/a.jpg"),
    one("slashes as \\x2f", script("var u = '\\x2ff\\x2fa.jpg'"), more="/f/a.jpg"),
    one("ampersand as \\u0026", script('x={"u":"/p.php?i=1\\u0026f=a.jpg"}'), more="/p.php?i=1&f=a.jpg"),
    one("JSON in a string", script('var s = JSON.parse("{\\"url\\":\\"\\/f\\/a.jpg\\"}");'), more="/f/a.jpg"),
    one("protocol-relative", script("var u = '//{host}/f/a.jpg'"), more="/f/a.jpg"),
    one("__NEXT_DATA__", script('{"props":{"pageProps":{"images":[{"src":"/f/a.jpg"},{"src":"/f/b.webp"}]}}}',
        " id=__NEXT_DATA__ type=application/json"), more="/f/a.jpg /f/b.webp"),
    one("__NUXT__", script('window.__NUXT__={data:[{pics:["/f/a.jpg"]}]};'), more="/f/a.jpg"),
    one("self.__next_f", script('self.__next_f.push([1,"5:[\\"$\\",\\"img\\",null,{\\"src\\":\\"/f/a.jpg\\"}]"])'),
        more="/f/a.jpg"),
    one("JSON island", script('{"items":[{"full":"/f/a.jpg"}]}', JSON), more="/f/a.jpg"),
    one("PhotoSwipe items", script("var items = [{src: '/f/a.jpg', w: 9, h: 9, msrc: '/f/s.jpg'}];"),
        more="/f/a.jpg /f/s.jpg"),
    one("video.js sources", script("videojs('v').src({src: '/f/a.m3u8', type: 'application/x-mpegURL'})"),
        pages={"/f/a.m3u8": Answer("#EXTM3U\n#EXTINF:9,\n1.ts\n", content_type="application/vnd.apple.mpegurl")},
        more="/f/1.ts"),
    one("jwplayer", script('jwplayer("p").setup({"file":"/f/a.mp4","image":"/f/p.jpg","tracks":[]})'),
        more="/f/a.mp4 /f/p.jpg"),
    one("flowplayer playlist", script("flowplayer('#p', {clip: {url: '/f/a.mp4'}})"), more="/f/a.mp4"),
    one("preloader of rollovers", script("MM_preloadImages('/f/a.gif','/f/b.gif')"), more="/f/a.gif /f/b.gif"),
    one("document.write", script("document.write('<img src=\"/f/a.jpg\">')"), more="/f/a.jpg"),
    one("location in a script", script("window.location = '/2.html';"), pages={"/2.html": "<img src=/a.jpg>"},
        more="/a.jpg"),
    one("template of a script", script("<img src=/f/a.jpg>", " type=text/x-template"), more="/f/a.jpg"),
    one("html template of Handlebars", script("<img src='/f/a.jpg' alt='{{title}}'>", " type=text/x-handlebars"),
        more="/f/a.jpg"),
    one("import map and module", script("const p = new URL('./f/a.jpg', import.meta.url)", " type=module"),
        more="/f/a.jpg"),
    one("external script with addresses", "<script src=/app.js></script>",
        pages={"/app.js": Answer("var pics=['/f/a.jpg','/f/b.jpg'];", content_type="text/javascript")},
        more="/f/a.jpg /f/b.jpg", left_out="a script that is a file of its own is hashed, and not searched"),
    one("JSON that a link names", "<a href=/list.json>list</a>",
        pages={"/list.json": Answer('{"files":["/f/a.jpg"]}', content_type="application/json")}, more="/f/a.jpg"),
    one("JSON behind data-url", "<div data-url=/list.json></div>",
        pages={"/list.json": Answer('[{"url":"\\/f\\/a.jpg"}]', content_type="application/json")}, more="/f/a.jpg"),
    one("contentUrl", script('{"@type":"VideoObject","contentUrl":"/f/a.mp4","thumbnailUrl":["/f/p.jpg"]}', JSON_LD),
        more="/f/a.mp4 /f/p.jpg"),
    one("contentUrl without ending", script('{"@type":"ImageObject","contentUrl":"http://{host}/f/17"}', JSON_LD),
        more="/f/17"),
    one("image of an article", script('{"@type":"Article","image":{"@type":"ImageObject","url":"/f/a.jpg"}}', JSON_LD),
        more="/f/a.jpg"),
    one("embedUrl", script('{"@type":"VideoObject","embedUrl":"http://{host}/embed/1"}', JSON_LD),
        pages={"/embed/1": "<video src=/a.mp4></video>"}, more="/a.mp4"),
    one("og:image", meta("og:image", "/a.jpg"), more="/a.jpg"),
    one("og:image:url", meta("og:image:url", "http://{host}/a.jpg"), more="/a.jpg"),
    one("og:video", meta("og:video", "/a.mp4"), more="/a.mp4"),
    one("og:video:secure_url", meta("og:video:secure_url", "/a.mp4"), more="/a.mp4"),
    one("og:audio", meta("og:audio", "/a.mp3"), more="/a.mp3"),
    one("twitter:image", meta("twitter:image", "/a.jpg", "name"), more="/a.jpg"),
    one("twitter:image0", meta("twitter:image0", "/a.jpg", "name"), more="/a.jpg"),
    one("twitter:player", meta("twitter:player", "/player", "name"), pages={"/player": "<video src=/a.mp4></video>"},
        more="/a.mp4"),
    one("twitter:player:stream", meta("twitter:player:stream", "/a.mp4", "name"), more="/a.mp4"),
    one("msapplication-TileImage", meta("msapplication-TileImage", "/a.png", "name"), more="/a.png"),
    one("thumbnail", meta("thumbnail", "/a.jpg", "name"), more="/a.jpg"),
    one("itemprop=image", meta("image", "/a.jpg", "itemprop"), more="/a.jpg"),
    one("sailthru.image.full", meta("sailthru.image.full", "/a.jpg", "name"), more="/a.jpg"),
    one("parsely-image-url", meta("parsely-image-url", "/a.jpg", "name"), more="/a.jpg"),
    one("meta in the body", '<meta property="og:image" content="/a.jpg">', more="/a.jpg"),
    one("web app manifest", "<html><head><link rel=manifest href=/m.webmanifest></head></html>",
        pages={"/m.webmanifest": Answer('{"icons":[{"src":"/a.png"}],"screenshots":[{"src":"b.png"}]}',
                                        content_type="application/manifest+json")}, more="/a.png /b.png"),
    one("oEmbed", "<html><head><link rel=alternate type=application/json+oembed href=/o.json></head></html>",
        pages={"/o.json": Answer('{"type":"photo","url":"http://{host}/a.jpg"}', content_type="application/json")},
        more="/a.jpg"),
    one("unescape", "<script>document.write(unescape('%3Cimg%20src%3D%22%2Fa.jpg%22%3E'))</script>", more="/a.jpg"),
    one("speculation rules", '<script type=speculationrules>{"prefetch":[{"urls":["/2"]}]}</script>',
        pages={"/2": "<img src=/a.jpg>"}, more="/a.jpg"),
    one("data uri in JSON with escapes", '<script type="application/json">{"p":"data:image\\/png;base64,iVBORw0K","q":"\\/a.jpg"}</script>',
        more="/a.jpg"),
)  # fmt: skip
