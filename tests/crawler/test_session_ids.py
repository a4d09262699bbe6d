"""A recrawl of hosts that write something like a session id into their links is whole, ends, and loses no file."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web
from contained import Crawled, crawl
from orbweaver.model import Limits
from synthetic_host import Resource, SyntheticHost

TOPICS = 12
PNG = b"\x89PNG\r\n\x1a\n"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Anything(dict[str, Resource]):
    """Resources of a host that answers every path alike."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._all = Resource(None, answer)

    def get(self, *_: object) -> Resource:  # type: ignore[override]
        return self._all


def hosting(answer: Answer) -> SyntheticHost:
    host = SyntheticHost({})
    host.resources = Anything(answer)
    return host


class Forum:
    """Has topics with a picture each; every link has a new session id, written as `form` says."""

    def __init__(self, form: str, *, says: Iterator[str] | None = None) -> None:
        self._form = form
        self._numbers = itertools.count(1)
        self._says = says or itertools.repeat("")

    def link(self, path: str) -> str:
        number = next(self._numbers)
        path, _, query = path.partition("?")
        path = f"/{self._form}{path}"
        if self._form == "path":
            return f"{path};jsessionid={number:032X}" + (f"?{query}" if query else "")
        return f"{path}?{query}{'&amp;' if query else ''}{self._form}={number:032x}"

    def page(self, title: str, paths: list[str], pictures: list[str]) -> web.Response:
        links = "".join(f'<a href="{self.link(path)}">go</a>' for path in ["/", "/faq", *paths])
        shown = "".join(f'<img src="{self.link(path)}">' for path in pictures)
        text = f"<title>{title}{next(self._says)}</title>It is {next(self._numbers)} o'clock.{links}{shown}"
        return web.Response(text=text, content_type="text/html")

    def answer(self, path: str, topic: str) -> web.Response:
        if path == "/":
            return self.page("all topics", [f"/topic?t={number}" for number in range(TOPICS)], ["/logo"])
        if path == "/faq":
            return self.page("questions", [], ["/logo"])
        if path == "/topic":
            return self.page(f"topic {topic}", [f"/topic?t={(int(topic) + 1) % TOPICS}"], [f"/picture?t={topic}"])
        return web.Response(body=PNG + f"{self._form}{path}{topic}".encode())


def forums(*each: Forum) -> SyntheticHost:
    """A host with forums, each below the name of its form."""
    by_form = {forum._form: forum for forum in each}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/":
            return web.Response(text="".join(f'<a href="/{form}/">a</a>' for form in by_form), content_type="text/html")
        if request.path == "/robots.txt":
            return web.Response(status=404)
        form, slash, path = request.path.partition(";")[0][1:].partition("/")
        return by_form[form].answer(slash + path, request.query.get("t", ""))

    return hosting(answer)


def digests(crawled: Crawled) -> set[str]:
    return {one.digests.sha256 for one in crawled.sightings}


def test_a_forum_with_a_new_session_id_in_each_link_is_seen_whole_and_has_an_end() -> None:
    forms = ["sid", "PHPSESSID", "path", "utm_content"]
    with forums(*map(Forum, forms)) as host:
        crawled = crawl(host.url)
        asked = len(host.paths)
    assert crawled.stopped_by is None
    assert len(digests(crawled)) == len(forms) * (TOPICS + 1)
    # The pages and files, some of them three times, and what was under way when that was enough.
    assert asked <= 3 * len(forms) * (2 * TOPICS + 3)
    assert {skip.rule for skip in crawled.skips} == {"trap.same-address"}
    assert {skip.reason.partition(": ")[2] for skip in crawled.skips} >= {
        "sid; others of them answered the same",
        "click counters; others of them answered the same",
    }


WRITTEN: tuple[Callable[[int], str], ...] = (
    lambda number: f"sid={number:032x}",
    lambda number: f"PHPSESSID={number:032x}",
    lambda number: f"utm_content={number}",
    lambda number: "&amp;".join(list(itertools.permutations(["a=1", "b=2", "c=3", "d=4", "e=5"]))[number]),
)


def test_no_file_is_lost_where_such_a_part_names_it() -> None:
    async def file(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=PNG + request.raw_path.encode())

    links = [f"/show{place}?{write(number)}" for place, write in enumerate(WRITTEN) for number in range(20)]
    page = "".join(f'<a href="{link}">a</a>' for link in links)
    resources = {f"/show{place}": Resource(None, file) for place, _ in enumerate(WRITTEN)}
    with SyntheticHost({"/": Resource("text/html", page.encode()), **resources}) as host:
        crawled = crawl(host.url)
    assert len(digests(crawled)) == len(links)
    assert crawled.skips == []


def test_pages_that_only_such_a_part_tells_apart_are_all_read() -> None:
    async def story(request: web.BaseRequest) -> web.StreamResponse:
        number = int(request.query.get("sid", "0"), 16)
        more = "".join(f'<a href="/story?sid={(number * 7 + step) % 20:032x}">more</a>' for step in (1, 2, 3))
        picture = f'<script>show("/picture-{number}.png")</script>' if number > 5 else ""
        return web.Response(text=f"<title>{'x' * min(number, 6)}</title>{picture}{more}", content_type="text/html")

    pictures = {f"/picture-{number}.png": Resource("image/png", f"picture {number}".encode()) for number in range(20)}
    with SyntheticHost({"/story": Resource(None, story), **pictures}) as host:
        crawled = crawl(host.url + "story")
    assert len(digests(crawled)) == 14


def test_pages_that_never_answer_the_same_are_ended_by_the_limit_after_all_others_were_seen() -> None:
    with forums(Forum("sid", says=itertools.cycle("abcdefghijklmnopqrstuvwxyz"))) as host:
        crawled = crawl(host.url, limits=Limits(max_pages=40))
    assert len(digests(crawled)) == TOPICS + 1
    assert "limit.max_pages" in crawled.rules.values()
