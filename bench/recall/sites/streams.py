"""Films in pieces: HLS, DASH, and the thumbnails of their players."""

from __future__ import annotations

from functools import partial

from bench.recall.site import UNMARKED, Answer, Page, Site, site

one = partial(site, "streams")
HLS = "application/vnd.apple.mpegurl"


def hls(text: str, content_type: str = HLS) -> Answer:
    return Answer("#EXTM3U\n" + text, content_type=content_type)


def dash(text: str) -> Answer:
    return Answer(
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT4S">{text}</MPD>',
        content_type="application/dash+xml",
    )


def stream(name: str, top: Answer, *, more: str, path: str = "/v/top.m3u8", **pages: Page) -> Site:
    return one(name, f"<video src={path}></video>", more=more,
               pages={path: top, **{f"/v/{n.replace('_', '.')}": p for n, p in pages.items()}})  # fmt: skip


SEGMENTS = "#EXTINF:2,\n1.ts\n#EXTINF:2,\n2.ts\n#EXT-X-ENDLIST\n"
TEMPLATE = '<Period><AdaptationSet mimeType="video/mp4"><Representation id="v1" bandwidth="9">{}</Representation></AdaptationSet></Period>'

SITES = (
    stream("media playlist", hls(SEGMENTS), more="/v/1.ts /v/2.ts"),
    stream("master playlist", hls("#EXT-X-STREAM-INF:BANDWIDTH=9\nlow.m3u8\n"), low_m3u8=hls(SEGMENTS),
           more="/v/1.ts /v/2.ts"),
    stream("audio and subtitles", hls('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",URI="a.m3u8"\n'
           "#EXT-X-STREAM-INF:BANDWIDTH=9\nlow.m3u8\n"), low_m3u8=hls("#EXTINF:2,\n1.ts\n"),
           a_m3u8=hls("#EXTINF:2,\na1.ts\n"), more="/v/1.ts /v/a1.ts"),
    stream("I-frames", hls('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"\n'), i_m3u8=hls("#EXTINF:2,\ni1.ts\n"),
           more="/v/i1.ts"),
    stream("map and parts", hls('#EXT-X-MAP:URI="init.mp4"\n#EXT-X-PART:DURATION=1,URI="p1.m4s"\n#EXTINF:2,\n1.m4s\n'),
           more="/v/init.mp4 /v/p1.m4s /v/1.m4s"),
    stream("variable by name", hls('#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME="d",VALUE="deep"\n#EXTINF:2,\n{$d}/1.ts\n'),
           more="/v/deep/1.ts"),
    stream("variable from the master", hls('#EXT-X-DEFINE:NAME="d",VALUE="deep"\n#EXT-X-STREAM-INF:BANDWIDTH=9\nlow.m3u8\n'),
           low_m3u8=hls('#EXT-X-DEFINE:IMPORT="d"\n#EXTINF:2,\n{$d}/1.ts\n'), more="/v/deep/1.ts"),
    stream("variable from the query", hls('#EXT-X-DEFINE:QUERYPARAM="t"\n#EXTINF:2,\n1.ts?t={$t}\n'),
           path="/v/top.m3u8?t=abc", more="/v/1.ts?t=abc"),
    stream("images of HLS", hls('#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,URI="img.m3u8"\n'),
           img_m3u8=hls("#EXT-X-IMAGES-ONLY\n#EXTINF:2,\nt1.jpg\n"), more="/v/t1.jpg"),
    stream("session data and steering", hls('#EXT-X-SESSION-DATA:DATA-ID="p",URI="poster.jpg"\n#EXTINF:2,\n1.ts\n'),
           more="/v/poster.jpg /v/1.ts"),
    stream("date range with an asset", hls('#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01T00:00:00Z",X-ASSET-URI="ad.m3u8"\n'
           "#EXTINF:2,\n1.ts\n"), ad_m3u8=hls("#EXTINF:2,\nad1.ts\n"), more="/v/1.ts /v/ad1.ts"),
    stream("line ends of Windows", Answer("#EXTM3U\r\n#EXTINF:2,\r\n1.ts\r\n", content_type=HLS), more="/v/1.ts"),
    stream("declared as plain text", hls(SEGMENTS, "text/plain"), more="/v/1.ts /v/2.ts"),
    stream("list without tags", Answer("1.mp3\n2.mp3\n", content_type="audio/x-mpegurl"), path="/v/list.m3u",
           more="/v/1.mp3 /v/2.mp3"),
    stream("PLS list", Answer("[playlist]\nFile1=/v/1.mp3\nNumberOfEntries=1\n", content_type="audio/x-scpls"),
           path="/v/list.pls", more="/v/1.mp3"),
    stream("XSPF list", Answer('<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
           "<track><location>http://{host}/v/1.mp3</location></track></trackList></playlist>",
           content_type="application/xspf+xml"), path="/v/list.xspf", more="/v/1.mp3"),
    stream("DASH template by number", dash(TEMPLATE.format('<SegmentTemplate media="$RepresentationID$-$Number$.m4s" '
           'initialization="$RepresentationID$-i.mp4" duration="2" timescale="1"/>')), path="/v/m.mpd",
           more="/v/v1-i.mp4 /v/v1-1.m4s /v/v1-2.m4s"),
    stream("DASH template with a width", dash(TEMPLATE.format('<SegmentTemplate media="$Number%05d$.m4s" startNumber="0" '
           'duration="4" timescale="1"/>')), path="/v/m.mpd", more="/v/00000.m4s"),
    stream("DASH by time", dash(TEMPLATE.format('<SegmentTemplate media="$Time$.m4s" timescale="1"><SegmentTimeline>'
           '<S t="0" d="2" r="1"/></SegmentTimeline></SegmentTemplate>')), path="/v/m.mpd", more="/v/0.m4s /v/2.m4s"),
    stream("DASH base of several levels", dash("<BaseURL>deep/</BaseURL>" + TEMPLATE.format(
           "<BaseURL>a.mp4</BaseURL>")), path="/v/m.mpd", more="/v/deep/a.mp4"),
    stream("DASH list", dash(TEMPLATE.format('<SegmentList><Initialization sourceURL="i.mp4"/><SegmentURL media="1.m4s"/>'
           "</SegmentList>")), path="/v/m.mpd", more="/v/i.mp4 /v/1.m4s"),
    one("Smooth Streaming", "<div data-src=/v/a.ism/Manifest></div>", pages={"/v/a.ism/Manifest": Answer(
        '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2" MinorVersion="0" Duration="20000000"><StreamIndex '
        'Type="video" Url="QualityLevels({bitrate})/Fragments(video={start time})"><QualityLevel Bitrate="9"/>'
        '<c t="0" d="20000000"/></StreamIndex></SmoothStreamingMedia>', content_type="text/xml")},
        more="/v/a.ism/QualityLevels(9)/Fragments(video=0)", left_out=UNMARKED),
    one("thumbnails in VTT", "<video src=/a.mp4><track kind=metadata src=/t/t.vtt></video>", pages={"/t/t.vtt": Answer(
        "WEBVTT\n\n00:00.000 --> 00:05.000\ns.jpg#xywh=0,0,160,90\n\n00:05.000 --> 00:09.000\ns.jpg#xywh=160,0,160,90\n",
        content_type="text/vtt")}, shown="/a.mp4", more="/t/s.jpg"),
    one("playlist as source", "<video><source src=/v/top.m3u8 type=application/x-mpegURL></video>",
        pages={"/v/top.m3u8": hls(SEGMENTS)}, more="/v/1.ts /v/2.ts"),
    one("playlist behind a link", "<a href=/v/top.m3u8>watch</a>", pages={"/v/top.m3u8": hls(SEGMENTS)},
        more="/v/1.ts /v/2.ts"),
    one("ASX and RAM", "<embed src=/v/a.asx><a href=/v/b.ram>b</a>", pages={
        "/v/a.asx": Answer('<asx version="3"><entry><ref href="/v/1.mp4"/></entry></asx>', content_type="video/x-ms-asf"),
        "/v/b.ram": Answer("http://{host}/v/2.mp4\n", content_type="audio/x-pn-realaudio")}, more="/v/1.mp4 /v/2.mp4"),
)  # fmt: skip
