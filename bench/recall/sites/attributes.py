"""Attributes from which scripts of galleries, lightboxes and lazy loaders take what they show."""

from __future__ import annotations

from functools import partial

from bench.recall.site import UNMARKED, Answer, Site, site

one = partial(site, "lazy and lightbox")

# Of lazysizes, vanilla-lazyload, lozad, WordPress plug-ins, PhotoSwipe, lightGallery, fancybox, GLightbox, Fotorama,
# nanogallery2, Galleria, Swiper, Slick, Revolution Slider, XenForo, Discourse, Shopify themes and others.
_URL_ATTRIBUTES = (
    "data-src", "data-original", "data-lazy", "data-lazy-src", "data-lazyload", "data-full", "data-full-url",
    "data-fullsize", "data-orig-file", "data-large-file", "data-medium-file", "data-large_image", "data-zoom-image",
    "data-zoom-src", "data-zoom", "data-hires", "data-highres", "data-big", "data-image", "data-img", "data-imglg",
    "data-picture", "data-photo", "data-thumb", "data-thumbnail", "data-poster", "data-href", "data-url", "data-link",
    "data-file", "data-source", "data-media", "data-pswp-src", "data-ngsrc", "data-flickity-lazyload",
    "data-echo", "data-actualsrc", "data-ks-lazyload", "data-download-url", "data-bg", "data-background",
    "data-background-image", "data-bgset", "data-bg-src", "data-parallax-image", "lazy-src", "data-image-full",
    "data-uri", "data-imgsrc", "data-src-retina", "data-at2x", "data-hd-src", "data-video-src", "data-mp4", "data-audio-src",
    "data-preview", "data-cfsrc", "data-pagespeed-lazy-src", "data-original-src", "file-src", "zoomfile", "_src",
)  # fmt: skip


def attribute(name: str, element: str = "img") -> Site:
    content = f"<{element} {name}=/f/a.jpg></{element}>" if element != "img" else f"<img {name}=/f/a.jpg>"
    return one(f"{name} of {element}", content, more="/f/a.jpg")


SITES = (
    *(attribute(name) for name in _URL_ATTRIBUTES),
    *(attribute(name, "div") for name in (
        "data-src", "data-original", "data-bg", "data-image", "data-full", "data-url", "data-source", "data-video-src",
    )),
    *(attribute(name, "a") for name in ("data-href", "data-full", "data-pswp-src", "data-src", "data-image")),
    one("data-srcset", "<img data-srcset='/a.jpg 480w, /b.jpg 960w'>", more="/a.jpg /b.jpg"),
    one("data-lazy-srcset of source", "<picture><source data-lazy-srcset='/a.webp 1x, /b.webp 2x'></picture>",
        more="/a.webp /b.webp"),
    one("data-pswp-srcset", "<a href=/a.jpg data-pswp-srcset='/b.jpg 600w, /c.jpg 1200w'>x</a>",
        shown="/a.jpg", more="/b.jpg /c.jpg"),
    one("data-responsive of lightGallery", "<div data-src=/a.jpg data-responsive='/b.jpg 375, /c.jpg 480'></div>",
        more="/a.jpg /b.jpg /c.jpg"),
    one("data-src with an absolute address", "<div data-whatever=http://{host}/download/17></div>", more="/download/17"),
    one("data-* with a relative path", "<img data-x-anything=f/a.jpg>", more="/f/a.jpg"),
    one("data-video as JSON", "<a data-video='{\"source\": [{\"src\":\"/a.mp4\", \"type\":\"video/mp4\"}]}'>x</a>",
        more="/a.mp4"),
    one("data-setup of video.js", "<video data-setup='{\"poster\":\"/p.jpg\",\"sources\":[{\"src\":\"/a.mp4\"}]}'></video>",
        more="/p.jpg /a.mp4"),
    one("JSON in quotes as entities", "<div data-gallery=\"[{&quot;url&quot;:&quot;\\/f\\/a.jpg&quot;}]\"></div>",
        more="/f/a.jpg"),
    one("list of addresses", "<div data-images='/a.jpg,/b.jpg, /c.jpg'></div>", more="/a.jpg /b.jpg /c.jpg"),
    one("list with bars", "<div data-pics='/a.jpg|/b.jpg'></div>", more="/a.jpg /b.jpg"),
    one("url() in data-style", "<div data-style='background-image: url(/a.jpg)'></div>", more="/a.jpg"),
    one("HTML in data-html", "<div data-html='&lt;img src=\"/a.jpg\"&gt;' data-sub-html='&lt;a href=/b.jpg&gt;'></div>",
        more="/a.jpg /b.jpg"),
    one("onclick that opens", "<img src=/s.jpg onclick=\"window.open('/a.jpg')\">", shown="/s.jpg", more="/a.jpg"),
    one("onclick that goes", "<tr onclick=\"location.href='/2'\"><td>x</tr>", pages={"/2": "<img src=/a.jpg>"},
        more="/a.jpg"),
    one("onclick with an absolute address", "<p onclick='show(&quot;http://{host}/a.jpg&quot;, 640, 480)'>",
        more="/a.jpg"),
    one("onmouseover", "<img src=/s.jpg onmouseover=\"this.src='/a.jpg'\" onmouseout=\"this.src='/s.jpg'\">",
        shown="/s.jpg", more="/a.jpg"),
    one("onerror", "<img src=/gone.jpg onerror=\"this.src='/a.jpg'\">", more="/a.jpg"),
    one("javascript: address", "<a href=\"javascript:openPicture('/a.jpg',640,480)\">x</a>", more="/a.jpg"),
    one("javascript: with an escape", "<a href=\"javascript:void(window.open('%2Fa.jpg'))\">x</a>", more="/a.jpg"),
    one("style in onclick", "<p onclick=\"this.style.backgroundImage='url(/a.jpg)'\">", more="/a.jpg"),
    one("x-bind of Alpine", "<img :src=\"'/a.jpg'\" x-data=\"{ big: '/b.jpg' }\">", more="/a.jpg /b.jpg"),
    one("v-bind of Vue", "<my-gallery :pictures=\"['/a.jpg', '/b.jpg']\"></my-gallery>", more="/a.jpg /b.jpg"),
    one("hx-get of htmx", "<div hx-get=/part hx-trigger=load></div>", pages={"/part": "<img src=/a.jpg>"}, more="/a.jpg", left_out=UNMARKED),
    one("ng-src of Angular", "<img ng-src=/a.jpg>", more="/a.jpg"),
    one("uk-img of UIkit", "<img uk-img='dataSrc: /a.jpg'><div uk-lightbox><a href=/b.jpg>b</a></div>",
        shown="/b.jpg", more="/a.jpg", left_out=UNMARKED),
    one("rel of lightbox", "<a rel='lightbox[g]' href=/a.jpg title=x><img src=/s.jpg></a>", shown="/a.jpg /s.jpg"),
    one("placeholder and original", "<img src='{data:p.png}' data-src=/a.jpg>", more="data:p.png /a.jpg"),
    one("microdata", "<div itemscope><meta itemprop=contentUrl content=/a.mp4><link itemprop=thumbnailUrl href=/p.jpg>"
        "<span itemprop=image content=/c.jpg></span></div>", more="/a.mp4 /p.jpg /c.jpg"),
    one("data-lazy without an ending", "<img data-lazy='/i?id=7'>", pages={"/i?id=7": Answer(file="/i?id=7", content_type="image/jpeg")},
        more="/i?id=7"),
    one("file of Discuz", "<img src='' id=aimg_9 file='forum.php?mod=attachment&amp;aid=MTIz'>", pages={
        "/forum.php": Answer(file="/forum.php?mod=attachment&aid=MTIz", content_type="image/jpeg")},
        more="/forum.php?mod=attachment&aid=MTIz"),
    one("markup in a title", "<a href=# title='&lt;img src=/a.jpg&gt;'>x</a>", more="/a.jpg"),
    one("XML that a gallery names", "<div data-gallery=/g.xml></div>", pages={
        "/g.xml": Answer("<?xml version='1.0'?><g><i src='/a.jpg'/></g>", content_type="text/xml")}, more="/a.jpg"),
)  # fmt: skip
