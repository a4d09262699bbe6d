"""Documents that are no pages: feeds, sitemaps, lists, SVG, XML, and indexes as servers write them."""

from __future__ import annotations

import gzip
from functools import partial

from bench.recall.site import Answer, Site, site

one = partial(site, "documents")
XML = '<?xml version="1.0" encoding="utf-8"?>\n'


def document(name: str, text: str | bytes, content_type: str, *, more: str, path: str = "/d") -> Site:
    return one(name, f"<a href={path}>document</a>", pages={path: Answer(text, content_type=content_type)},
               more=more)  # fmt: skip


SITEMAP = XML + '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'
BUCKET = XML + "<ListBucketResult>{}</ListBucketResult>"
RSS = XML + '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>{}</channel></rss>'

SITES = (
    one("sitemap in robots.txt", "<p>nothing here</p>", pages={
        "/robots.txt": Answer("Sitemap: http://{host}/map.xml\n", content_type="text/plain"),
        "/map.xml": Answer(SITEMAP.format("<url><loc>http://{host}/2</loc></url>"), content_type="text/xml"),
        "/2": "<img src=/a.jpg>"}, more="/a.jpg"),
    one("sitemap that a link element names", "<html><head><link rel=sitemap href=/map.xml></head></html>", pages={
        "/map.xml": Answer(SITEMAP.format("<url><loc>http://{host}/2</loc></url>"), content_type="text/xml"),
        "/2": "<img src=/a.jpg>"}, more="/a.jpg"),
    document("images of a sitemap", SITEMAP.format("<url><loc>http://{host}/</loc><image:image xmlns:image="
             "'http://www.google.com/schemas/sitemap-image/1.1'><image:loc>http://{host}/a.jpg</image:loc></image:image></url>"),
             "application/xml", more="/a.jpg"),
    document("sitemap as text", "http://{host}/a.jpg\nhttp://{host}/b.jpg\n", "text/plain", more="/a.jpg /b.jpg"),
    document("enclosure", RSS.format('<item><enclosure url="http://{host}/a.mp3" type="audio/mpeg" length="9"/></item>'),
             "application/rss+xml", more="/a.mp3"),
    document("media:content", RSS.format('<item><media:content url="http://{host}/a.jpg" medium="image"/>'
             '<media:thumbnail url="http://{host}/b.jpg"/></item>'), "application/rss+xml", more="/a.jpg /b.jpg"),
    document("HTML in a feed", RSS.format("<item><description>&lt;img src=\"http://{host}/a.jpg\"&gt;</description></item>"),
             "application/rss+xml", more="/a.jpg"),
    document("CDATA in a feed", RSS.format("<item><description><![CDATA[<img src='http://{host}/a.jpg'>]]></description></item>"),
             "text/xml", more="/a.jpg"),
    document("Atom", XML + '<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="enclosure" href="/a.mp4"/>'
             '<content type="html">&lt;img src="/b.jpg"&gt;</content></entry></feed>', "application/atom+xml",
             more="/a.mp4 /b.jpg"),
    document("JSON Feed", '{"version":"https://jsonfeed.org/version/1.1","items":[{"image":"http://{host}/a.jpg",'
             '"attachments":[{"url":"http://{host}/b.mp3"}]}]}', "application/feed+json", more="/a.jpg /b.mp3"),
    document("plain list with words", "See http://{host}/a.jpg and\nhttp://{host}/b.jpg (large)\n", "text/plain",
             more="/a.jpg /b.jpg"),
    document("CSV of files", "name,url\nx,http://{host}/a.jpg\n", "text/csv", more="/a.jpg"),
    document("Markdown", "# Pictures\n\n![a](/a.jpg) [b](/b.jpg)\n", "text/markdown", more="/a.jpg /b.jpg"),
    document("XML of a gallery", XML + '<simpleviewergallery><image imageURL="/a.jpg" thumbURL="/b.jpg"/>'
             "</simpleviewergallery>", "text/xml", more="/a.jpg /b.jpg"),
    document("bucket listing", XML + '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents>'
             "<Key>f/a.jpg</Key></Contents></ListBucketResult>", "application/xml", path="/bucket/", more="/bucket/f/a.jpg"),
    document("WebDAV answer", XML + '<D:multistatus xmlns:D="DAV:"><D:response><D:href>/f/a.jpg</D:href></D:response>'
             "</D:multistatus>", "application/xml", more="/f/a.jpg"),
    one("index of Apache", "<html><head><title>Index of /f</title></head><body><h1>Index of /f</h1><pre>"
        "<a href='?C=N;O=D'>Name</a> <a href='?C=M;O=A'>Last modified</a><hr><a href='/'>Parent Directory</a>\n"
        "<a href='a.jpg'>a.jpg</a>\n<a href='b%20c.jpg'>b c.jpg</a></pre></body></html>", start="/f/",
        pages={"/": "<p>root"}, shown="/f/a.jpg /f/b%20c.jpg"),
    one("index of nginx", "<html><head><title>Index of /f/</title></head><body><h1>Index of /f/</h1><hr><pre>"
        "<a href='../'>../</a>\n<a href='deep/'>deep/</a>  -\n</pre></body></html>", start="/f/",
        pages={"/": "<p>root", "/f/deep/": "<a href='../'>../</a> <a href='a.mp4'>a.mp4</a>"}, shown="/f/deep/a.mp4"),
    one("index as JSON", Answer('[\n{ "name":"a.jpg", "type":"file", "size":9 }\n]', content_type="application/json"),
        start="/f/", more="/f/a.jpg"),
    one("SVG as an image", "<img src=/a.svg><embed src=/d/e.svg>", pages={"/d/e.svg": Answer(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<image xlink:href="b.jpg" width="9" height="9"/></svg>', content_type="image/svg+xml")},
        shown="/a.svg /d/b.jpg"),
    one("SVG with a style sheet", "<embed src=/e.svg>", pages={"/e.svg": Answer(
        '<?xml-stylesheet href="/s.css" type="text/css"?><svg xmlns="http://www.w3.org/2000/svg"><style>'
        "rect{mask:url(/a.svg)}</style><rect width='9' height='9' class='x'/></svg>", content_type="image/svg+xml"),
        "/s.css": Answer(".x{background:url(/b.jpg)}", content_type="text/css")}, shown="/a.svg /b.jpg"),
    one("SVG gzipped as a file", "<a href=/e.svgz>e</a>", pages={"/e.svgz": Answer(gzip.compress(
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/a.jpg"/></svg>', mtime=0), content_type="image/svg+xml")},
        more="/a.jpg"),
    one("XHTML", Answer(XML + '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="/x.js"/></head><body>'
        '<img src="/a.jpg" alt=""/></body></html>', content_type="application/xhtml+xml"), shown="/a.jpg"),
    one("page as plain text", "<a href=/p.txt>p</a>", pages={"/p.txt": Answer(
        "<html><body><img src=/a.jpg></body></html>", content_type="text/plain")}, more="/a.jpg"),
    one("page without a type", Answer("<!DOCTYPE html><img src=/a.jpg>", content_type=None), shown="/a.jpg"),
    one("page as octet-stream", "<a href=/p>p</a>", pages={"/p": Answer(
        "<!DOCTYPE html><img src=/a.jpg>", content_type="application/octet-stream")}, more="/a.jpg"),
    one("MHTML", "<a href=/p.mht>p</a>", pages={"/p.mht": Answer(
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b; type=\"text/html\"\r\n\r\n--b\r\n"
        "Content-Type: text/html\r\nContent-Location: http://{host}/p\r\n\r\n<img src=http://{host}/a.jpg>\r\n--b--\r\n",
        content_type="multipart/related")}, more="/a.jpg"),
    one("Internet shortcut", "<a href=/a.url>a</a>", pages={"/a.url": Answer(
        "[InternetShortcut]\r\nURL=http://{host}/a.jpg\r\n", content_type="application/internet-shortcut")}, more="/a.jpg"),
    one("listing of nginx in JSON", "<a href=/m/>m</a>", pages={
        "/m/": Answer('[{"name":"deep","type":"directory"},{"name":"a","type":"file","size":9}]', content_type="application/json"),
        "/m/deep/": Answer('[{"name":"b.jpg","type":"file","size":9}]', content_type="application/json")},
        more="/m/a /m/deep/b.jpg"),
    one("listing of nginx in XML", "<a href=/m/>m</a>", pages={
        "/m/": Answer(XML + "<list><directory>deep</directory><file>a</file></list>", content_type="text/xml"),
        "/m/deep/": Answer(XML + "<list><file>b.jpg</file></list>", content_type="text/xml")}, more="/m/a /m/deep/b.jpg"),
    one("bucket on two pages", "<a href=/box/>b</a>", pages={
        "/box/?marker=p%2Fa": Answer(BUCKET.format("<Contents><Key>p/b.jpg</Key></Contents>"), content_type="application/xml"),
        "/box/": Answer(BUCKET.format("<IsTruncated>true</IsTruncated><Contents><Key>p/a</Key></Contents>"),
                        content_type="application/xml")}, more="/box/p/a /box/p/b.jpg"),
    document("container of Azure", XML + "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
             "application/xml", more="/box/a", path="/box"),
    document("checksum list", "0123456789abcdef0123456789abcdef  a.jpg\n", "text/plain", more="/f/a.jpg", path="/f/md5.txt"),
    document("file list", "a.jpg\r\nfilms\\b.mp4\r\n", "text/plain", more="/f/a.jpg /f/films/b.mp4", path="/f/list.txt"),
    document("references of Markdown", "![a][1]\n\n[1]: /a.jpg 'a'\n", "text/markdown", more="/a.jpg"),
    document("alternate enclosure", RSS.format("<item><podcast:alternateEnclosure><podcast:source uri='/a.mp3'/>"
             "</podcast:alternateEnclosure></item>"), "application/rss+xml", more="/a.mp3"),
    one("XML with a style sheet", Answer(XML + '<?xml-stylesheet type="text/css" href="/s.css"?><x>y</x>',
        content_type="text/xml"), pages={"/s.css": Answer("x{display:block;background:url(/a.jpg)}", content_type="text/css")},
        shown="/a.jpg"),
    document("base of SMIL", "<smil><head><meta base='/m/'/></head><body><video src='a.mp4'/></body></smil>",
             "application/smil+xml", more="/m/a.mp4"),
    document("base of a Flash manifest", XML + "<manifest><baseURL>/m/</baseURL><media url='a.mp4'/></manifest>",
             "application/f4m+xml", more="/m/a.mp4"),
)  # fmt: skip
