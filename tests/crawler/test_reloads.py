"""A page that sets a cookie and reloads itself is asked for once more, however often it loses the cookie."""

from __future__ import annotations

from itertools import count

from contained import crawl
from orbweaver.model import Limits
from synthetic_host import Resource, SyntheticHost


def test_a_page_whose_cookie_is_gone_at_each_reload_is_asked_for_twice() -> None:
    number = count()

    def reloading() -> bytes:
        # A file comes before a page that waits, and takes the cookie away.
        return f"<meta http-equiv=refresh content='0;url=/again'><img src=/{next(number)}.png>".encode()

    resources = {
        "/": Resource("text/html", b"<a href=/again>a</a>"),
        "/again": Resource("text/html", reloading, headers={"Set-Cookie": "a=1; Path=/"}),
        **{
            f"/{name}.png": Resource(
                "image/png", b"\x89PNG\r\n\x1a\n" + bytes([name]), {"Set-Cookie": "a=; Max-Age=0; Path=/"}
            )
            for name in range(40)
        },
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url, limits=Limits(max_pages=30), host_connections=1)
        asked = [(path, headers.get("Cookie")) for path, headers in host.requests]
    assert [one for one in asked if one[0] == "/again"] == [("/again", None)] * 2
    assert [(one.outcome, one.rule, one.is_failure) for one in found.skips] == [("redirect_loop", "redirects", False)]
    assert found.tally.files == 2
