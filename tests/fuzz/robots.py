"""robots.txt. Input: one byte for the status of the answer, one for how often the rest is repeated, the file."""

from __future__ import annotations

from orbweaver.crawler.rules.robots import MOST_DELAY_SECONDS, judge, product_token

from fuzz.promises import in_time_for, stretched

STATUSES = (200, 204, 301, 403, 404, 429, 500, 503, None)
USER_AGENTS = ("Mozilla/5.0 (compatible; Orbweaver/0.1)", "Hotline-Bot/2.1", "", "(compatible; ")
URLS = (
    "http://a.example/",
    "http://a.example/a/b.jpg?c=d&e",
    "http://a.example/%C3%A9/$*",
    "http://a.example/" + "a/" * 500,
)
TOKENS = (
    *(b"User-agent: ", b"Disallow: ", b"Allow: ", b"Crawl-delay: ", b"Sitemap: ", b"Request-rate: ", b"Visit-time: "),
    *(b"\n", b"\r", b"\r\n", b"\x0b", b"\xe2\x80\xa8", b"*", b"$", b"/", b"#", b":", b" ", b"orbweaver", b"0", b"1e9"),
    *(b"-1", b"nan", b"inf", b"1/10", b"/*a*a*a", b"%", b"%2a", b"%24", b"%zz", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9"),
)


def check(data: bytes) -> None:
    status = STATUSES[data[0] % len(STATUSES)] if data else None
    body = stretched(data[1:])
    with in_time_for(body):
        robots = judge(status, body)
        for user_agent in USER_AGENTS:
            answers = [robots.allows(url, user_agent) for url in URLS]
            assert answers == [robots.allows(url, user_agent) for url in URLS]
            assert robots.is_readable or not any(answers), "a host that said nothing is left alone"
            delay = robots.delay_seconds(user_agent)
            assert delay is None or 0 <= delay <= MOST_DELAY_SECONDS
    assert all(isinstance(one, str) for one in robots.sitemaps)
    assert product_token(data.decode("latin-1"))
    if status in {403, 404}:
        assert all(robots.allows(url, USER_AGENTS[0]) for url in URLS)
