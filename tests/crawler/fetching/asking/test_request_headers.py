"""What is sent to a host is what the report says, else the profile, else the defaults; and nothing leaks."""

from __future__ import annotations

import pytest
from orbweaver.crawler.fetching.asking.request_headers import (
    ACCEPT_LANGUAGE,
    MOST_JARS,
    NO_REPORTER_HEADERS,
    ReporterHeaders,
    RequestHeaders,
    reporter_headers_of,
)
from orbweaver.model import AccessProfile, CookieControl, Report

URL = "http://www.site.com/a/b"
OURS = "Orbweaver/0.1"
KEEPS_NONE = AccessProfile(cookies=CookieControl.NONE)
GIVEN = reporter_headers_of([Report(url=URL, cookies="session=1; theme=dark")])


def sent(
    profile: AccessProfile,
    reporter_headers: ReporterHeaders = NO_REPORTER_HEADERS,
    *,
    url: str = URL,
    referrer: str | None = None,
) -> dict[str, str]:
    headers = RequestHeaders(profile, user_agent=OURS)
    cookies = headers.cookies_for(url, reporter_headers)
    return dict(headers.headers_for(url, reporter_headers, referrer=referrer, cookies=cookies))


# --- who says what ---


@pytest.mark.parametrize(
    ("profile", "reporter_headers", "user_agent", "language"),
    [
        (AccessProfile(), NO_REPORTER_HEADERS, OURS, ACCEPT_LANGUAGE),
        (AccessProfile(user_agent="P", accept_language="de"), NO_REPORTER_HEADERS, "P", "de"),
        (AccessProfile(user_agent="P", accept_language="de"), ReporterHeaders("R", "fr"), "R", "fr"),
        (AccessProfile(user_agent="P"), ReporterHeaders(accept_language="fr"), "P", "fr"),
        (AccessProfile(accept_language="de"), ReporterHeaders(user_agent="R"), "R", "de"),
    ],
)
def test_the_report_goes_before_the_profile_and_this_before_the_defaults(
    profile: AccessProfile, reporter_headers: ReporterHeaders, user_agent: str, language: str
) -> None:
    headers = sent(profile, reporter_headers)

    assert (headers["User-Agent"], headers["Accept-Language"]) == (user_agent, language)
    assert RequestHeaders(profile, user_agent=OURS).user_agent_for(reporter_headers) == user_agent


def test_a_referrer_is_sent_when_there_is_one() -> None:
    assert sent(AccessProfile(), referrer="http://from.example/")["Referer"] == "http://from.example/"
    assert "Referer" not in sent(AccessProfile())


def test_a_referrer_does_not_stay_for_the_next_request() -> None:
    headers = RequestHeaders(AccessProfile(), user_agent=OURS)
    headers.headers_for(URL, NO_REPORTER_HEADERS, referrer="http://from.example/", cookies="a=1")

    assert not {"Referer", "Cookie"} & set(dict(headers.headers_for(URL, NO_REPORTER_HEADERS)))


def test_of_several_reports_of_a_url_the_first_that_says_something_counts() -> None:
    reports = [
        Report(url=URL, accept_language="de"),
        Report(url=URL, user_agent="A", accept_language="fr", cookies="a=1"),
        Report(url=URL, user_agent="B", cookies="b=2"),
    ]

    assert reporter_headers_of(reports) == ReporterHeaders("A", "de", "a=1", "www.site.com")
    assert reporter_headers_of([Report(url="https://a.site.com:8443/", cookies="a=1")]).is_cookie_secure
    assert reporter_headers_of([Report(url=URL)]) == NO_REPORTER_HEADERS


# --- cookies ---


@pytest.mark.parametrize(
    ("reported", "url", "goes"),
    [
        (URL, URL, "always"),
        (URL, "http://www.site.com:8080/", "always"),
        (URL, "https://www.site.com/", "always"),
        (URL, "https://cdn.site.com:8443/x", "to the site"),
        (URL, "http://site.com/", "to the site"),
        (URL, "http://a.www.site.com/", "to the site"),
        (URL, "http://www.site.com.evil.org/", "never"),
        (URL, "http://othersite.com/", "never"),
        (URL, "http://com/", "never"),
        ("https://www.site.com/", "https://www.site.com:8443/b", "always"),
        ("https://www.site.com/", "https://cdn.site.com/", "to the site"),
        ("https://www.site.com/", "http://www.site.com/", "never"),
        ("https://www.site.com/", "http://www.site.com:443/", "never"),
        ("https://127.0.0.1/", "http://127.0.0.1/", "never"),
    ],
)
def test_a_reports_cookies_go_where_they_were_given_for(reported: str, url: str, goes: str) -> None:
    given = reporter_headers_of([Report(url=reported, cookies="session=1; theme=dark")])
    for shares_cookies in (False, True):
        headers = RequestHeaders(AccessProfile(), user_agent=OURS, shares_cookies=shares_cookies)
        expected = "session=1; theme=dark" if goes == "always" or (shares_cookies and goes == "to the site") else ""
        assert headers.cookies_for(url, given) == expected


def test_customers_of_a_shared_host_are_strangers() -> None:
    reporter_headers = reporter_headers_of([Report(url="http://a.github.io/", cookies="session=1")])

    assert "Cookie" in sent(AccessProfile(), reporter_headers, url="http://a.github.io/x")
    assert "Cookie" not in sent(AccessProfile(), reporter_headers, url="http://b.github.io/x")


def test_a_host_without_a_name_gets_its_cookies_too() -> None:
    reporter_headers = reporter_headers_of([Report(url="http://192.0.2.1/", cookies="session=1")])

    assert sent(AccessProfile(), reporter_headers, url="http://192.0.2.1:8080/x")["Cookie"] == "session=1"


def cookie_after(
    set_cookie: list[str],
    *,
    profile: AccessProfile = AccessProfile(),  # noqa: B008 - it is frozen
    reporter_headers: ReporterHeaders = NO_REPORTER_HEADERS,
    by: ReporterHeaders | None = None,
    url: str = URL,
) -> str:
    headers = RequestHeaders(profile, user_agent=OURS)
    headers.remember(URL, reporter_headers, set_cookie)
    return headers.cookies_for(url, reporter_headers if by is None else by)


def test_cookies_that_a_host_sets_are_sent_back_unless_the_profile_keeps_none() -> None:
    assert cookie_after(["a=1", "b=2; Path=/; HttpOnly"]) == "a=1; b=2"
    assert cookie_after(["a=1"], profile=KEEPS_NONE) == ""


def test_a_report_with_cookies_keeps_those_that_its_host_sets() -> None:
    assert cookie_after(["c=3"], profile=KEEPS_NONE, reporter_headers=GIVEN) == "session=1; theme=dark; c=3"


def test_a_cookie_that_the_host_sets_replaces_the_reports_of_that_name() -> None:
    assert cookie_after(["session=2"], reporter_headers=GIVEN) == "theme=dark; session=2"


def test_a_sites_cookies_reach_no_other_site() -> None:
    assert cookie_after(["a=1; Domain=site.com; Path=/"], url="http://cdn.site.com/") == "a=1"
    assert cookie_after(["a=1; Domain=site.com; Path=/"], url="http://other.com/") == ""


def test_one_reports_session_never_reaches_anothers_url() -> None:
    assert cookie_after(["a=1"], reporter_headers=GIVEN, by=NO_REPORTER_HEADERS) == ""
    assert cookie_after(["a=1"], by=ReporterHeaders(user_agent="another")) == ""


def test_the_jar_that_was_not_used_for_longest_makes_place_for_a_new_one() -> None:
    headers = RequestHeaders(AccessProfile(), user_agent=OURS)
    sites = [f"http://s{number}.com/" for number in range(MOST_JARS + 1)]
    for site in sites[:-1]:
        headers.remember(site, NO_REPORTER_HEADERS, ["a=1"])
    assert headers.cookies_for(sites[0], NO_REPORTER_HEADERS) == "a=1"
    headers.remember(sites[-1], NO_REPORTER_HEADERS, ["a=1"])

    assert [site for site in sites if not headers.cookies_for(site, NO_REPORTER_HEADERS)] == [sites[1]]
