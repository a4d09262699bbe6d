"""A request is made as the browser makes it that the user agent names; under another name it says less."""

from __future__ import annotations

import pytest
from orbweaver.crawler.asked_as import Destination
from orbweaver.crawler.fetching.asking.browser_headers import Browser, accept_for, browser_of, header_lines

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605.1.15"
OURS = "Mozilla/5.0 (compatible; Orbweaver/0.1)"


@pytest.mark.parametrize(
    ("user_agent", "browser"),
    [
        (FIREFOX, Browser.FIREFOX),
        (CHROMIUM, Browser.CHROMIUM),
        (CHROMIUM + " Edg/140.0.0.0", Browser.CHROMIUM),
        (SAFARI, Browser.SAFARI),
        (OURS, None),
        ("Mozilla/5.0 (compatible; Googlebot/2.1) Chrome/140.0.0.0 Safari/537.36", None),
        ("curl/8.14.1", None),
        ("Orbweaver Firefox/1", None),
        ("", None),
    ],
)
def test_a_user_agent_claims_to_be_a_browser(user_agent: str, browser: Browser | None) -> None:
    assert browser_of(user_agent) is browser


def lines_of(
    user_agent: str, destination: Destination, *, site: str = "same-origin", is_trustworthy: bool = True
) -> dict[str, str]:
    before, between, after = header_lines(user_agent, "en", destination, site=site, is_trustworthy=is_trustworthy)
    return dict((*before, ("Referer", "r"), *between, ("Cookie", "c"), *after))


def test_the_headers_of_a_page_are_in_the_order_of_the_browser() -> None:
    first = "Accept Accept-Language"
    encoding, fetch = "Accept-Encoding", "Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site"
    upgrade = "Upgrade-Insecure-Requests"
    orders = {
        OURS: f"User-Agent {first} Referer Cookie",
        FIREFOX: f"User-Agent {first} {encoding} Referer Cookie {upgrade} {fetch} Sec-Fetch-User",
        CHROMIUM: f"{upgrade} User-Agent Accept Sec-Fetch-Site Sec-Fetch-Mode Sec-Fetch-User Sec-Fetch-Dest"
        f" Referer {encoding} Accept-Language Cookie",
    }
    for user_agent, order in orders.items():
        assert list(lines_of(user_agent, Destination.DOCUMENT)) == order.split()


@pytest.mark.parametrize("user_agent", [FIREFOX, CHROMIUM, SAFARI])
@pytest.mark.parametrize("destination", Destination)
def test_what_a_browser_says_of_a_request_fits_together(user_agent: str, destination: Destination) -> None:
    lines = lines_of(user_agent, destination, site="cross-site")
    is_page = destination in {Destination.DOCUMENT, Destination.IFRAME, Destination.FRAME}

    assert (lines["Sec-Fetch-Dest"], lines["Sec-Fetch-Site"]) == (destination, "cross-site")
    assert (lines["Sec-Fetch-Mode"] == "navigate") is (is_page or destination in {"object", "embed"})
    is_plugin_of_chromium = user_agent == CHROMIUM and destination in {"object", "embed"}
    assert ("Upgrade-Insecure-Requests" in lines) is (is_page or is_plugin_of_chromium)
    assert ("Sec-Fetch-User" in lines) <= (destination is Destination.DOCUMENT)
    assert lines["Accept"].startswith("text/html") is lines["Accept"].startswith("text/html,application/xhtml+xml")
    assert (lines["Accept-Encoding"] == "identity") is (destination in {"video", "audio"})


@pytest.mark.parametrize("user_agent", [FIREFOX, CHROMIUM, SAFARI])
def test_to_a_host_on_plain_http_a_browser_says_less(user_agent: str) -> None:
    lines = lines_of(user_agent, Destination.DOCUMENT, is_trustworthy=False)

    assert not [name for name in lines if name.startswith("Sec-")]
    assert lines["Accept-Encoding"] == "gzip, deflate"
    assert lines["Upgrade-Insecure-Requests"] == "1"


def test_who_is_no_browser_says_nothing_that_only_browsers_say() -> None:
    assert not set(lines_of(OURS, Destination.IMAGE)) - {"User-Agent", "Accept", "Accept-Language", "Referer", "Cookie"}


@pytest.mark.parametrize("browser", [None, *Browser])
def test_each_kind_of_request_accepts_its_own_types_first_and_anything_at_last(browser: Browser | None) -> None:
    accepts = {destination: accept_for(browser, destination) for destination in Destination}

    assert all("*/*" in accept for accept in accepts.values())
    assert accepts[Destination.DOCUMENT].startswith("text/html,")
    assert accepts[Destination.IMAGE].startswith("image/")
    assert accepts[Destination.STYLE].startswith("text/css,")
    assert not accepts[Destination.VIDEO].startswith(("text/", "image/"))
    assert accepts[Destination.EMPTY] == "*/*"
