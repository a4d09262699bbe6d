"""What a recrawl finds behind files: members of archives, and what style sheets, playlists, feeds and headers name."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import os
import sys
import zipfile
from collections.abc import Mapping

import pytest
from contained import Crawled, crawl
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.model import DigestSet, Outcome
from synthetic_host import Resource, SyntheticHost
from tar_bytes import tarred
from zip_bytes import directory, local, streamed, zipped

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(500)
MEGABYTE = 2**20


def crawl_site(resources: Mapping[str, Resource], start: str = "", **fields: object) -> tuple[Crawled, str]:
    with SyntheticHost(resources) as host:
        return crawl(host.url + start, **fields), host.url


def image() -> Resource:
    return Resource("image/png", b"\x89PNG\r\n\x1a\n" + os.urandom(500))


def page(text: str, **headers: str) -> Resource:
    return Resource("text/html", text.encode(), headers)


def paths(found: Crawled, root: str) -> list[str]:
    return sorted(url.removeprefix(root) for url in set(found.urls))


def test_what_only_a_guess_or_a_file_inside_another_names_is_not_asked_for() -> None:
    names = b"<img src=/hidden/a.png>"
    inside = base64.b64encode(zipped({"one.png": PNG})).decode()
    site = {
        "/": page(f"<a href=/g.zip>1</a><a href=/p.html.gz>2</a><a href='data:application/zip;base64,{inside}'>3</a>"),
        "/robots.txt": Resource("text/plain", b"User-agent: *\nDisallow: /hidden/\n"),
        "/g.zip": Resource("application/zip", zipped({"index.html": names})),
        "/p.html.gz": Resource("application/gzip", gzip.compress(b"<html>" + names)),
        "/sitemap.xml": Resource("text/xml", b"<urlset><url><loc>/hidden/</loc></url></urlset>"),
        "/hidden/a.png": image(),
    }
    with SyntheticHost(site) as host:
        found = crawl(host.url)
        assert sorted(host.paths) == ["/", "/g.zip", "/p.html.gz"]
    assert digests_of(PNG) not in [one.digests for one in found.sightings]


# --- archives ---


@pytest.mark.parametrize(
    ("name", "declared"),
    [("a.zip", "application/zip"), ("a.cbz", "text/plain"), ("a", "text/html"), ("a.png", "image/png")],
)
def test_the_members_of_an_archive_are_sightings_of_its_url_whatever_it_is_called(name: str, declared: str) -> None:
    large = os.urandom(2 * MEGABYTE)
    archive = zipped({"one.png": PNG, "inner.zip": zipped({"two.bin": large}), "empty": b""})
    found, root = crawl_site({"/" + name: Resource(declared, archive)}, name)
    by_member = {sighting.http.archive_member: sighting for sighting in found.sightings}
    assert {member: sighting.digests for member, sighting in by_member.items()} == {
        None: digests_of(archive),
        "one.png": digests_of(PNG),
        "inner.zip!/two.bin": digests_of(large),
        "inner.zip": digests_of(zipped({"two.bin": large})),
    }
    assert {sighting.url for sighting in found.sightings} == {root + name}
    assert by_member["one.png"].sniffed_type == "image/png"
    assert found.skips == []


def test_an_archive_that_is_encoded_and_packed_on_the_way_is_read() -> None:
    archive = streamed({"one.png": PNG}, zipfile.ZIP_STORED)
    encoded = Resource("application/zip", gzip.compress(archive), {"Content-Encoding": "gzip"})
    found, _ = crawl_site({"/a.zip": encoded}, "a.zip")
    assert [sighting.http.archive_member for sighting in found.sightings] == [None, "one.png"]
    assert found.sightings[1].digests == digests_of(PNG)
    assert found.sightings[0].http.bytes_received == len(encoded.body)


def test_what_an_archive_hides_is_recorded_with_its_count() -> None:
    secret = local(b"secret", os.urandom(50), flags=1)
    archive = local(b"open", PNG) + secret + secret
    archive += directory([b"open", b"secret", b"secret"], archive)
    found, root = crawl_site({"/a.zip": Resource("application/zip", archive)}, "a.zip")
    assert len(found.sightings) == 2
    skip = found.skip_of(root + "a.zip")
    assert (skip.outcome, skip.rule, skip.count) == (Outcome.ENCRYPTED, "archive.encrypted", 2)
    assert not skip.is_failure


def test_an_archive_of_each_kind_is_read_or_said_and_hashed_in_any_case() -> None:
    """Comic archives, packages and double endings are what their bytes are, whatever they are called."""
    files = {"one.png": PNG, "inner.zip": zipped({"two.bin": b"deep"})}
    tar = tarred(files)
    noise = os.urandom(900)
    read = {
        "a.tar": tar,
        "a.cbt": tar,
        "a.tar.gz": gzip.compress(tar),
        "a.tgz": gzip.compress(tar),
        "a.tar.xz": lzma.compress(tar),
        "a.tar.bz2": bz2.compress(tar),
        "a.tar.zst": zstd.compress(tar),
        "a.cbz": zipped(files),
        "a.epub": zipped({"mimetype": b"application/epub+zip", **files}, zipfile.ZIP_STORED),
        "a.docx": zipped({"[Content_Types].xml": b"<Types/>", **files}),
        "a.apk": zipped({"AndroidManifest.xml": b"\x03\x00", **files}),
        "picture.png": PNG + zipped(files),
        "sfx.exe": b"MZ" + noise + zipped(files),
    }
    alone = {"a.png.gz": gzip.compress(PNG), "a.png.xz": lzma.compress(PNG), "a.png.bz2": bz2.compress(PNG)}
    unread = {
        "a.7z": ("7z", b"7z\xbc\xaf\x27\x1c" + noise),
        "a.cb7": ("7z", b"7z\xbc\xaf\x27\x1c" + noise),
        "a.part1.rar": ("rar", b"Rar!\x1a\x07\x01\x00" + noise),
        "a.r00": ("rar", b"Rar!\x1a\x07\x00" + noise),
        "rar.jpg": ("rar", PNG + b"Rar!\x1a\x07\x00" + noise + b"\xc4\x3d\x7b\x00\x40\x07\x00"),
        "a.7z.002": ("volume", noise),
        "a.z02": ("volume", noise),
        "download.php?id=1": ("volume", noise),
        "a.zip.003": ("volume", noise),
        "a.deb": ("ar", b"!<arch>\ndebian-binary   " + noise),
        "a.iso": ("iso", bytes(32_768) + b"\x01CD001\x01\x00" + noise),
    }
    bodies = {**read, **alone, **{name: body for name, (_, body) in unread.items()}}
    links = "".join(f"<a href={name}>" for name in bodies)
    site = {f"/{name}": Resource("application/octet-stream", body) for name, body in bodies.items()}
    named = {"Content-Disposition": 'attachment; filename="a.zip.002"'}
    site["/download.php?id=1"] = Resource("application/octet-stream", noise, named)
    found, root = crawl_site({"/": page(links), **site})
    by_url: dict[str, dict[str | None, DigestSet]] = {}
    for sighting in found.sightings:
        by_url.setdefault(sighting.url.removeprefix(root), {})[sighting.http.archive_member] = sighting.digests
    assert {name: members[None] for name, members in by_url.items()} == {
        name: digests_of(body) for name, body in bodies.items()
    }
    for name in read:
        members = by_url[name]
        assert members["one.png"] == digests_of(PNG), name
        assert members["inner.zip!/two.bin"] == digests_of(b"deep"), name
    assert all(by_url[name]["unpacked"] == digests_of(PNG) for name in alone)
    assert {skip.url.removeprefix(root): (skip.outcome, skip.rule, skip.is_failure) for skip in found.skips} == {
        name: (Outcome.ARCHIVE_NOT_READ, f"archive.{rule}", True) for name, (rule, _) in unread.items()
    }


def test_the_limits_of_archives_are_settings() -> None:
    archive = zipped({str(number): os.urandom(10) for number in range(20)})
    found, root = crawl_site({"/a.zip": Resource("application/zip", archive)}, "a.zip", archive_members=5)
    assert len(found.sightings) == 6
    assert found.rules == {root + "a.zip": "archive.members"}
    found, root = crawl_site(
        {"/a.zip": Resource("application/zip", zipped({"a.zip": archive}))}, "a.zip", archive_depth=0
    )
    assert (len(found.sightings), found.rules) == (2, {root + "a.zip": "archive.depth"})
    found, root = crawl_site({"/a.zip": Resource("application/zip", archive)}, "a.zip", archive_bytes=100)
    assert (len(found.sightings), found.rules) == (11, {root + "a.zip": "archive.decoded_bytes"})


def test_a_bomb_is_hashed_as_a_file_and_holds_up_nothing() -> None:
    bomb = zipped({"bomb": bytes(100 * MEGABYTE)})
    found, root = crawl_site(
        {"/": page("<img src=a.zip><img src=b.png>"), "/a.zip": Resource("application/zip", bomb), "/b.png": image()}
    )
    assert paths(found, root) == ["a.zip", "b.png"]
    assert found.rules == {root + "a.zip": "archive.ratio"}
    assert found.memory_peak - found.memory_before < 60 * 1024


# --- documents ---


def test_a_style_sheet_is_a_file_and_leads_to_what_it_shows() -> None:
    found, root = crawl_site(
        {
            "/": page("<link rel=stylesheet href=css/a.css>"),
            "/css/a.css": Resource("text/css", b"@import 'b.css'; p { background: url(../a.png) }"),
            "/css/b.css": Resource("text/css", b"p { background: image-set('b.png' 1x) }"),
            "/a.png": image(),
            "/css/b.png": image(),
        }
    )
    assert paths(found, root) == ["a.png", "css/a.css", "css/b.css", "css/b.png"]
    assert found.tally.pages == 1


def test_a_stream_is_followed_from_its_page_to_its_segments() -> None:
    found, root = crawl_site(
        {
            "/": page("<video src=v/master.m3u8></video><video src=d/a.mpd></video>"),
            "/v/master.m3u8": Resource(
                "application/vnd.apple.mpegurl", b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n"
            ),
            "/v/low.m3u8": Resource("text/html", b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXTINF:4,\n1.ts\n'),
            "/v/1.ts": Resource("video/mp2t", os.urandom(500)),
            "/d/a.mpd": Resource(
                "application/dash+xml",
                b'<MPD mediaPresentationDuration="PT2S"><Period><Representation id="r"><SegmentTemplate duration="1"'
                b' media="$RepresentationID$-$Number$.m4s"/></Representation></Period></MPD>',
            ),
            "/d/r-1.m4s": Resource("video/mp4", os.urandom(500)),
            "/d/r-2.m4s": Resource("video/mp4", os.urandom(500)),
        }
    )
    assert paths(found, root) == ["d/a.mpd", "d/r-1.m4s", "d/r-2.m4s", "v/1.ts", "v/low.m3u8", "v/master.m3u8"]


def test_sitemaps_and_feeds_are_read_within_the_scope() -> None:
    def loc(root: str, *names: str) -> bytes:
        return b"".join(f"<url><loc>{root}{name}</loc></url>".encode() for name in names)

    with SyntheticHost({}) as host:
        site = host.resources
        index = b"<sitemapindex><sitemap><loc>/map.xml.gz</loc></sitemap></sitemapindex>"
        site["/sitemap.xml"] = Resource("text/xml", index)
        urls = loc(host.url, "a.html", "feed") + loc("http://elsewhere.test/", "b.html")
        site["/map.xml.gz"] = Resource(
            "application/gzip", gzip.compress(b"<?xml version='1.0'?><urlset>" + urls + b"</urlset>")
        )
        site["/a.html"] = page("<img src=a.png>")
        site["/a.png"] = image()
        site["/feed"] = Resource("application/xml", b"<rss><item><enclosure url='/f.png'/></item></rss>")
        site["/f.png"] = image()
        found = crawl(host.url + "sitemap.xml")
        assert paths(found, host.url) == ["a.png", "f.png", "feed", "map.xml.gz", "sitemap.xml"]
    assert found.outcomes == {"http://elsewhere.test/b.html": "out_of_scope"}


def test_an_xhtml_page_hides_nothing_behind_an_empty_element() -> None:
    xhtml = (
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script src='x.js'/><img src='a.png'/></html>"
    )
    found, root = crawl_site({"/": Resource("application/xhtml+xml", xhtml), "/a.png": image()})
    assert paths(found, root) == ["a.png"]


def test_what_headers_name_is_followed_from_any_answer() -> None:
    found, root = crawl_site(
        {
            "/a.png": Resource("image/png", PNG, {"Link": "<b.png>; rel=preload; as=image", "Refresh": "1; url=next"}),
            "/b.png": image(),
            "/next": page("<base href=/elsewhere/><img src=c.png>", Link="<d.png>; rel=icon"),
            "/elsewhere/c.png": image(),
            "/d.png": image(),
        },
        "a.png",
    )
    assert paths(found, root) == ["a.png", "b.png", "d.png", "elsewhere/c.png"]


def test_a_document_over_the_limit_is_hashed_whole_and_read_in_part() -> None:
    css = b"p { background: url(a.png) }" + b" " * 1_000 + b"p { background: url(b.png) }"
    found, root = crawl_site(
        {"/a.css": Resource("text/css", css), "/a.png": image(), "/b.png": image()}, "a.css", html_bytes=500
    )
    assert paths(found, root) == ["a.css", "a.png"]
    assert digests_of(css) in {sighting.digests for sighting in found.sightings}
    assert found.rules == {root + "a.css": "limit.html"}


# --- pictures that a service makes smaller ---


def test_the_original_of_a_smaller_picture_is_found_and_only_the_hosts_own_service_is_asked() -> None:
    with SyntheticHost({f"/{name}.jpg": image() for name in "abcd"}) as host:
        own = host.url.rstrip("/")
        shown = [
            "/_next/image?url=%2Fa.jpg&amp;w=64",
            "/_next/image?url=https%3A%2F%2Fcdn.example%2Fe.jpg&amp;w=64",
            f"/cdn-cgi/image/w=64/{own}/b.jpg",
            f"https://wsrv.nl/?url={own}/c.jpg",
        ]
        host.resources["/"] = page("".join(f'<img src="{one}">' for one in shown))
        host.resources |= {"/_next/image": image(), f"/cdn-cgi/image/w=64/{own}/b.jpg": image()}
        found = crawl(host.url)
        reported = crawl(f"{own}/_next/image?url=%2Fd.jpg")
        paths_asked = {path for path in host.paths if path != "/"}
    assert {f"/{name}.jpg" for name in "abcd"} < paths_asked
    assert len(paths_asked) == 4 + 4
    assert found.rules == {
        "https://cdn.example/e.jpg": "embeds.off",
        f"https://wsrv.nl/?url={own}/c.jpg": "embeds.off",
    }
    assert paths(reported, host.url) == ["_next/image?url=%2Fd.jpg", "d.jpg"]


# --- streams, cues and the rest ---


def test_what_stands_in_documents_of_each_kind_is_followed_to_its_end() -> None:
    playlist = "application/vnd.apple.mpegurl"
    master = '#EXTM3U\n#EXT-X-DEFINE:NAME="path",VALUE="seg"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmedia.m3u8?n=7\n'
    media = (
        '#EXTM3U\n#EXT-X-DEFINE:IMPORT="path"\n#EXT-X-DEFINE:QUERYPARAM="n"\n'
        "#EXTINF:4,\n{$path}/{$n}.ts\n#EXTINF:4,\n{$nobody}.ts\n"
    )
    found_files = {
        "/a/sprite.png": image(),
        "/h/seg/7.ts": image(),
        "/s/b.png": image(),
        "/i/icon.png": image(),
        "/f/film": image(),
        "/m/1.m4s": image(),
        "/q/Q(9)/F(v=5)": image(),
    }
    smooth = (
        '<SmoothStreamingMedia><StreamIndex Url="Q({bitrate})/F(v={start time})"><QualityLevel Bitrate="9"/>'
        '<c t="5" d="1"/></StreamIndex></SmoothStreamingMedia>'
    )
    documents = {
        "/": page(
            '<video><track kind=metadata src="/a/thumbs.vtt"></video><video src="/h/master.m3u8"></video>'
            '<link rel=stylesheet href="/s/a.css"><link rel=manifest href="/i/app.json">'
            '<link rel=alternate href="/f/feed.json"><video src="/m/a.mpd"></video><a href="/q/Manifest">a</a>'
        ),
        "/a/thumbs.vtt": Resource("text/vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nsprite.png#xywh=0,0,1,1\n"),
        "/h/master.m3u8": Resource(playlist, master.encode()),
        "/h/media.m3u8": Resource(playlist, media.encode()),
        "/s/a.css": Resource("text/plain", b"@import 'inner' layer(a);"),
        "/s/inner": Resource(None, b"p { background: url(b.png) }"),
        "/i/app.json": Resource("application/json", b'{"short_name": "a", "icons": [{"src": "icon.png"}]}'),
        "/f/feed.json": Resource(
            "application/feed+json",
            b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"attachments": [{"url": "film"}]}]}',
        ),
        "/m/a.mpd": Resource(
            "application/dash+xml",
            b'<MPD><BaseURL>http://cdn.example/</BaseURL><BaseURL>/m/</BaseURL><Period duration="PT1S">'
            b'<AdaptationSet><SegmentTemplate media="$Number$.m4s" duration="1"/><Representation id="a"/>'
            b"</AdaptationSet></Period></MPD>",
        ),
        "/q/Manifest": Resource("text/xml", smooth.encode("utf-16")),
    }
    with SyntheticHost(documents | found_files) as host:
        found = crawl(host.url)
        assert set(found_files) <= {path.partition("?")[0] for path in host.paths}
    said = {(url.removeprefix(host.url), rule) for url, rule in found.rules.items()}
    assert said == {("h/media.m3u8?n=7", "playlist.variable"), ("http://cdn.example/1.m4s", "embeds.off")}


def test_a_url_inside_a_link_is_a_candidate() -> None:
    with SyntheticHost({"/leave": page("you leave"), "/a.jpg": image()}) as host:
        inside = host.url.replace(":", "%3A").replace("/", "%2F")
        host.resources["/"] = page(f'<a href="/leave?to={inside}a.jpg">a</a><a href="/leave?to={inside}gone">b</a>')
        found = crawl(host.url)
        reported = crawl(f"{host.url}leave?file=%2Fa.jpg")
    assert "a.jpg" in paths(found, host.url)
    assert not any(skip.is_failure for skip in found.skips)
    assert paths(reported, host.url) == ["a.jpg"]
