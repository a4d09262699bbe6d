"""A crawl process is believed messages of known kinds, about its own scope."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import NOON, a_sighting, digests_of
from orbweaver.crawler import crawl_messages, message_checks
from orbweaver.crawler.crawl_messages import (
    MOST_AT_ONCE,
    PAGES_AT_ONCE,
    Answered,
    AskedToWait,
    Contained,
    Finished,
    Found,
    Reached,
    Remembered,
)
from orbweaver.crawler.errors import MessageRefused
from orbweaver.crawler.revisiting.known_responses import (
    MOST_BYTES_HANDED_ON,
    MOST_FILES,
    MOST_MEMBERS,
    MOST_MEMBERS_OF_ONE,
    MOST_PAGE_CHARACTERS,
    MOST_PAGES,
    KnownFile,
    KnownPage,
    Memory,
)
from orbweaver.model import Embeds, HttpFacts, Limits, Outcome, Redirect, Report, Reported, Scope, ScopeKind, Tally

HOST = Scope(kind=ScopeKind.HOST, name="h.test", limits=Limits())
PATH = HOST.model_copy(update={"kind": ScopeKind.PATH, "prefixes": ("http://h.test/a/",)})
EMBEDS = HOST.model_copy(update={"embeds": Embeds.ANY})
OTHER = {"url": "http://o.test/a", "final_url": "http://o.test/a", "host": "o.test"}
DIGESTS = digests_of(b"known")
# Longer from now than a clock may be wrong.
LATER = datetime(9000, 1, 1, tzinfo=UTC)
HOP = Redirect(url="http://h.test/a.bin", status=302)
NO_WAY = "redirects that do not lead from its URL"
REPORTS = (Report(url="http://h.test/", report_id="r-1"), Report(url="http://h.test/b"))


def found(**fields: Any) -> bytes:
    sighting = a_sighting().model_copy(update=fields)
    return Found(sightings=(sighting,), skips=(), tally=Tally()).model_dump_json().encode()


@pytest.mark.parametrize(
    ("scope", "fields", "objection"),
    [
        (HOST, {}, None),
        (HOST, {"ip": "192.0.2.1"}, None),
        (HOST, {"ip": "\x1b[2J"}, "an IP address that is not valid"),
        (HOST, OTHER, "a URL that is not in scope"),
        (HOST, {"final_url": "http://o.test/"}, "a URL that is not in scope"),
        (HOST, {"url": "http://h.test:8080/a", "host": "h.test:8080"}, "a URL that is not in scope"),
        (HOST, {"host": "o.test"}, "a host that is not the host of its URL"),
        (HOST, {"url": "HTTP://h.test/a"}, "a URL that is not canonical"),
        (HOST, {"url": "h.test"}, "a URL that is not canonical"),
        (HOST, {"seen_at": LATER}, "a time that cannot be"),
        (HOST, {"seen_at": datetime(1969, 1, 1, tzinfo=UTC)}, "a time that cannot be"),
        (HOST, {"http": HttpFacts(status=200, hashed_at=LATER)}, "a time that cannot be"),
        (HOST, {"http": HttpFacts(status=200, bytes_received=2**64)}, "a number that cannot be"),
        (HOST, {"http": HttpFacts(status=10**400)}, "a number that cannot be"),
        (HOST, {"digests": DIGESTS.model_copy(update={"size": 2**64})}, "a number that cannot be"),
        (HOST, {"url": "http://h.test/\x1b[2J"}, "a URL that is not canonical"),
        (PATH, {"url": "http://h.test/a/b", "final_url": "http://h.test/a/c"}, None),
        (PATH, {}, "a URL that is not in scope"),
        # Redirects begin at the URL, and stay in the scope.
        (HOST, {"redirects": (HOP,)}, None),
        (HOST, {"redirects": (HOP, Redirect(url="http://h.test/", status=302, is_cut=True))}, None),
        (HOST, {"redirects": (Redirect(url="http://h.test/b", status=302),)}, NO_WAY),
        (HOST, {"redirects": (Redirect(url="http://h.test/a.bin", status=302, is_cut=True),)}, NO_WAY),
        (HOST, {"redirects": (HOP, Redirect(url="http://h.test/b", status=302, is_cut=True))}, NO_WAY),
        (HOST, {"redirects": (HOP, Redirect(url="h.test/\x1b[2J", status=302))}, NO_WAY),
        (HOST, {"redirects": (HOP, Redirect(url="http://h.test/b", status=10**9))}, NO_WAY),
        (HOST, {"redirects": (HOP, *[Redirect(url="http://h.test/" + "b" * 4_000, status=302)] * 5)}, NO_WAY),
        (HOST, {"redirects": (HOP, Redirect(url="http://o.test/", status=302))}, "a URL that is not in scope"),
        (
            HOST,
            {"redirects": (HOP, Redirect(url="http://o.test/", status=302, is_cut=True))},
            "a URL that is not in scope",
        ),
        (
            PATH,
            {
                **dict.fromkeys(("url", "final_url"), "http://h.test/a/b"),
                "redirects": (
                    Redirect(url="http://h.test/a/b", status=302),
                    Redirect(url="http://h.test/", status=302, is_cut=True),
                ),
            },
            None,
        ),
        # A file that a page of the scope shows from elsewhere, where the scope allows that.
        (EMBEDS, {**OTHER, "referrer": "http://h.test/page"}, None),
        (EMBEDS, {**OTHER, "referrer": "http://o.test/page"}, "a URL that is not in scope"),
        (EMBEDS, {**OTHER, "referrer": "no URL"}, "a URL that is not in scope"),
        (EMBEDS, OTHER, "a URL that is not in scope"),
    ],
)
def test_a_sighting_is_of_a_url_that_the_recrawl_could_fetch(
    scope: Scope, fields: dict[str, Any], objection: str | None
) -> None:
    assert message_checks.objection_to(a_sighting().model_copy(update=fields), scope) == objection


def test_what_was_said_is_read_as_it_was() -> None:
    sighting = a_sighting(report_ids=("r-1",))
    said = message_checks.read(found(report_ids=("r-1",)), HOST, REPORTS)
    assert said == Found(sightings=(sighting,), skips=(), tally=Tally())
    contained = Contained(enforced={"tcp_ports": [80], "is_on": True})
    assert message_checks.read(contained.model_dump_json().encode(), HOST, REPORTS) == contained


def test_a_sighting_names_reports_of_its_recrawl_only() -> None:
    with pytest.raises(MessageRefused, match="a report of another recrawl"):
        message_checks.read(found(report_ids=("r-2",)), HOST, REPORTS)


def test_what_came_of_a_url_is_said_of_reported_ones_only() -> None:
    said = Answered(reported=(Reported(url="http://h.test/b", outcome=Outcome.TIMEOUT),))
    assert message_checks.read(said.model_dump_json().encode(), HOST, REPORTS) == said
    other = Answered(reported=(Reported(url="http://h.test/c"),))
    with pytest.raises(MessageRefused, match="a URL that was not reported"):
        message_checks.read(other.model_dump_json().encode(), HOST, REPORTS)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_addresses_are_said_as_python_writes_them(address: str) -> None:
    said = Reached(host="any.test:8080", addresses=(address,))
    assert message_checks.read(said.model_dump_json().encode(), HOST, REPORTS) == said


@pytest.mark.parametrize("address", ["", "h.test", "192.0.2.01", "2001:DB8::1", "fe80::1%eth0", "::ffff:c000:201", "*"])
def test_what_is_no_address_is_part_of_no_key(address: str) -> None:
    said = Reached(host="h.test", addresses=(address,))
    with pytest.raises(MessageRefused, match="an IP address that is not valid"):
        message_checks.read(said.model_dump_json().encode(), HOST, REPORTS)


SITE = HOST.model_copy(update={"kind": ScopeKind.SITE, "name": "example.com", "ports": (80, 443, 8080)})


@pytest.mark.parametrize(
    ("scope", "host", "is_believed"),
    [
        (HOST, "h.test", True),
        (PATH, "h.test", True),
        (HOST, "h.test:8080", False),
        (HOST, "innocent.test", False),
        (EMBEDS, "innocent.test", False),
        (SITE, "a.example.com", True),
        (SITE, "a.example.com:8080", True),
        (SITE, "a.example.com:22", False),
        (SITE, "example.org", False),
        (SITE, "a:b:c", False),
    ],
)
def test_a_host_asked_to_wait_only_when_it_is_of_the_scope(scope: Scope, host: str, is_believed: bool) -> None:
    said = AskedToWait(host=host, status=429, seconds=60).model_dump_json().encode()
    if is_believed:
        assert message_checks.read(said, scope, REPORTS) == AskedToWait(host=host, status=429, seconds=60)
    else:
        with pytest.raises(MessageRefused, match="a wait of a host that is not in scope"):
            message_checks.read(said, scope, REPORTS)


def finished(**fields: Any) -> bytes:
    return json.dumps({"kind": "finished", "stopped_by": None, "suggestions": {}, **fields}).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"[]" * 10,
        b"[" * 100_000,
        b'{"kind": "case"}',
        finished(stopped_by="[blink]"),
        finished(suggestions={"\x1b[2J": 1}),
        finished(suggestions={"o.test": "many"}),
        finished(run_id="another"),
        finished(answers={"h.test": {"files": {"\x1b[2J": 1}}}),
        finished(answers={"h.test": {"files": {"given": -1}}}),
        b'{"kind": "reached", "host": "\\u001b[2J"}',
        json.dumps({"kind": "reached", "host": "h.test", "addresses": ["192.0.2.1"] * 9}).encode(),
        json.dumps({"kind": "reached", "host": "h.test", "addresses": ["1" * 46]}).encode(),
        json.dumps({"kind": "asked to wait", "host": "h.test", "status": 429, "seconds": 3_601}).encode(),
        json.dumps({"kind": "asked to wait", "host": "h.test", "status": 429, "seconds": -1}).encode(),
        b'{"kind": "asked to wait", "host": "h.test", "status": 429, "seconds": NaN}',
        b'{"kind": "asked to wait", "host": "h.test", "status": 9999999}',
        json.dumps({"kind": "given up", "reason": "x" * 1_001}).encode(),
        json.dumps({**json.loads(found()), "sightings": [json.loads(a_sighting().model_dump_json())] * 201}).encode(),
        found().replace(b'"http"', b'"http2"'),
        found().replace(b'"waits_for":null', b'"waits_for":"the end"'),
    ],
    ids=lambda one: str(one[:20]),
)
def test_what_is_no_message_is_refused_and_not_quoted(message: bytes) -> None:
    with pytest.raises(MessageRefused, match=r"\Aa message of no known form \([a-z_]+\)\Z"):
        message_checks.read(message, HOST, REPORTS)


A_FILE = KnownFile(
    url="http://h.test/a.bin",
    manner="0" * 16,
    etag='"1"',
    digests=digests_of(b"known"),
    hashed_at=NOON,
)


def remembered(**fields: object) -> bytes:
    return json.dumps({"kind": "remembered", **fields}).encode()


def a_file(**fields: object) -> dict[str, object]:
    return json.loads(A_FILE.model_dump_json()) | fields


@pytest.mark.parametrize(
    ("fields", "objection"),
    [
        ({}, None),
        ({"asked_url": "http://h.test/b", "referrer": "http://o.test/", "spelling": "/%61.bin"}, None),
        ({"url": "http://o.test/a"}, "a URL that is not in scope"),
        ({"asked_url": "http://o.test/a"}, "a URL that is not in scope"),
        ({"url": "http://h.test/\r\nX: y"}, "a URL that is not canonical"),
        ({"referrer": "http://h.test/\r\nX: y"}, "a referrer that is not canonical"),
        ({"hashed_at": LATER.isoformat()}, "a time that cannot be"),
        ({"bytes_received": 2**64}, "a number that cannot be"),
        ({"spelling": "/b.bin"}, "a spelling of another URL"),
        ({"spelling": "/a.bin HTTP/1.1\r\nX: y"}, "a spelling of another URL"),
    ],
)
def test_what_is_to_be_remembered_is_of_urls_that_the_recrawl_could_fetch(
    fields: dict[str, object], objection: str | None
) -> None:
    said = remembered(files=[a_file(**fields)])
    if objection is None:
        told = message_checks.read(said, HOST, REPORTS)
        assert isinstance(told, Remembered)
        assert told.files == (KnownFile.model_validate(a_file(**fields)),)
    else:
        with pytest.raises(MessageRefused, match=f"to remember with {objection}"):
            message_checks.read(said, HOST, REPORTS)


@pytest.mark.parametrize(
    "fields",
    [
        {"etag": "1"},
        {"etag": 'W/"1"'},
        {"etag": '"1"\r\nX: y'},
        {"etag": '"1"\n'},
        {"etag": f'"{"1" * 257}"'},
        {"last_modified": "Sun, 01 Nov 2020 10:00:00 GMT\n"},
        {"last_modified": "yesterday"},
        {"manner": "0" * 15},
        {"content_type": "\x1b[2J"},
        {"url": "http://h.test/" + "a" * 4096},
        {"depth": -1},
        {"framing": "close"},
        {"notes": {"archive.nothing": 1}},
        {"notes": {"archive.encrypted": 0}},
        {
            "members": [
                {"path": "a" * 201, "digests": {"md5": "0" * 32, "sha1": "0" * 40, "sha256": "0" * 64, "size": 1}}
            ]
        },
        {"body": "of a file"},
    ],
    ids=str,
)
def test_what_is_to_be_remembered_has_its_form(fields: dict[str, object]) -> None:
    with pytest.raises(MessageRefused, match="no known form"):
        message_checks.read(remembered(files=[a_file(**fields)]), HOST, REPORTS)


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    member = {"path": "a", "digests": json.loads(digests_of(b"m").model_dump_json())}
    large = a_file(members=[member] * MOST_MEMBERS_OF_ONE)
    file, page = a_file(), {"digest": "0" * 32, "references": "x" * MOST_PAGE_CHARACTERS}
    for message, most in (
        (remembered(files=[file] * MOST_AT_ONCE), MOST_FILES // MOST_AT_ONCE),
        (remembered(files=[large]), MOST_MEMBERS // MOST_MEMBERS_OF_ONE),
        (remembered(pages=[page]), MOST_BYTES_HANDED_ON // len(remembered(pages=[page]))),
        (remembered(pages=[page | {"references": ""}] * PAGES_AT_ONCE), MOST_PAGES // PAGES_AT_ONCE),
    ):
        stream = message_checks.MessageStream(HOST, REPORTS)
        stream.feed(Contained(enforced={}).model_dump_json().encode() + b"\n" + (message + b"\n") * (most + 1))
        for _ in range(most + 1):
            assert stream.next_message() is not None
        with pytest.raises(MessageRefused, match="more to remember"):
            stream.next_message()
    for too_many in (remembered(files=[file] * (MOST_AT_ONCE + 1)), remembered(pages=[page] * (PAGES_AT_ONCE + 1))):
        with pytest.raises(MessageRefused, match="no known form"):
            message_checks.read(too_many, HOST, REPORTS)


def test_the_largest_message_that_is_handed_on_fits() -> None:
    page = KnownPage(digest="0" * 32, references="\x00" * MOST_PAGE_CHARACTERS)
    every = list(crawl_messages.remembered(Memory(pages=(page,) * 41, is_untrue=True)))
    assert max(map(len, every)) < crawl_messages.MOST_BYTES
    # What does not fit is left out, and not what is said first.
    assert sum(map(len, every)) <= MOST_BYTES_HANDED_ON < sum(map(len, every)) + max(map(len, every))
    stream = message_checks.MessageStream(HOST, REPORTS)
    stream.feed(b"\n".join([Contained(enforced={}).model_dump_json().encode(), *every, b""]))
    said = [one for one in iter(stream.next_message, None) if isinstance(one, Remembered)]
    assert [one.is_untrue for one in said] == [True] + [False] * (len(every) - 1)


def test_limits_and_hosts_are_said_as_the_crawler_says_them() -> None:
    hosts = {"o.test": 3, "o.test:8080": 1, "[2001:db8::1]": 1, "xn--bcher-kva.test": 2, "a_b.test": 1}
    said = message_checks.read(finished(stopped_by="max_pages", suggestions=hosts), HOST, REPORTS)
    assert said == Finished(stopped_by="max_pages", suggestions=hosts, answers={})


MANY_PARTS = {
    "lists": b'{"kind":"found","x":[' + b"[]," * message_checks.MOST_MARKS + b"[]]}",
    "numbers": b'{"kind":"found","x":[' + b"0," * message_checks.MOST_MARKS + b"0]}",
    "texts": b'{"kind":"found","x":[' + b'"",' * message_checks.MOST_MARKS + b'""]}',
    "texts without an end": b'{"kind":"found","x":' + b'"' * 7 * message_checks.MOST_MARKS,
    "behind escapes": rb'{"kind":"found","\\":"\\\"","x":[' + b"[]," * message_checks.MOST_MARKS + b"[]]}",
}


@pytest.mark.parametrize("said", MANY_PARTS.values(), ids=MANY_PARTS)
def test_a_message_of_too_many_parts_is_not_taken_apart(said: bytes) -> None:
    with pytest.raises(MessageRefused, match="too many parts"):
        message_checks.read(said, HOST, REPORTS)


@pytest.mark.parametrize("text", [",[{" * 60_000, '",[{\\' * 60_000], ids=["marks", "escaped"])
def test_what_is_inside_of_texts_is_no_part(text: str) -> None:
    with pytest.raises(MessageRefused, match="no known form"):
        message_checks.read(json.dumps({"kind": "broken", "reason": text}).encode(), HOST, REPORTS)


@pytest.mark.parametrize("number", ["-1", "9" * 400, '"%s"' % ("9" * 400), str(2**48 + 1)])
def test_counts_are_numbers_that_others_can_calculate_with(number: str) -> None:
    tally = '{"kind":"found","sightings":[],"skips":[],"tally":{"bytes_read":%s}}'
    suggestions = '{"kind":"finished","stopped_by":null,"suggestions":{"o.test":%s}}'
    for said in (tally, suggestions):
        with pytest.raises(MessageRefused, match="no known form"):
            message_checks.read((said % number).encode(), HOST, REPORTS)
        message_checks.read((said % 7).encode(), HOST, REPORTS)


def test_no_more_hosts_are_suggested_than_a_recrawl_counts() -> None:
    said = Finished(
        stopped_by=None, suggestions={f"h{number}.test": 1 for number in range(1_000)}, answers={}
    ).model_dump_json()
    message_checks.read(said.encode(), HOST, REPORTS)
    with pytest.raises(MessageRefused, match="no known form"):
        message_checks.read(said.replace('"h0.test":1', '"h0.test":1,"one-more.test":1').encode(), HOST, REPORTS)


def test_urls_that_were_met_come_in_few_pieces() -> None:
    stream = message_checks.MessageStream(HOST, REPORTS)
    piece = crawl_messages.MetUrls(piece=b"u12345678").model_dump_json().encode() + b"\n"
    checkpoint = crawl_messages.Checkpoint(state=b"state").model_dump_json().encode() + b"\n"
    pieces = piece * message_checks.MOST_PIECES
    stream.feed(Contained(enforced={}).model_dump_json().encode() + b"\n" + pieces + checkpoint + pieces + piece)
    for _ in range(2 + 2 * message_checks.MOST_PIECES):
        assert stream.next_message() is not None
    with pytest.raises(MessageRefused, match="pieces of URLs"):
        stream.next_message()


@pytest.mark.parametrize("piece", ["", "dQ==", "dTEyMzQ1Njc=", "eDEyMzQ1Njc4"])
def test_a_piece_has_hashes_and_nothing_else(piece: str) -> None:
    with pytest.raises(MessageRefused, match="no known form"):
        message_checks.read(b'{"kind":"met","piece":"%b"}' % piece.encode(), HOST, REPORTS)
