"""Syncing with NCMEC Hash Sharing: everything that changed, once it is all there, and nothing skipped ever after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
from builders import digests_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import (
    HashListUnreadable,
    MatcherError,
    OutputRefused,
    Unavailable,
    UnknownService,
)
from orbweaver.matcher_client.lists.category_table import CategoryTable
from orbweaver.matcher_client.lists.ncmec_client import read_source
from orbweaver.matcher_client.lists.ncmec_sync import OVERLAP, SyncReport, sync
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import Nature, Verdict
from stand_ins import ncmec
from stand_ins.answering import Asked, Reply
from stand_ins.ncmec import NAMESPACE, PASSWORD, Entry, RunningNcmec

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = "2019-10-24T15:00:00Z"


@pytest.fixture
def server() -> Iterator[RunningNcmec]:
    with ncmec.run() as running:
        yield running


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "ncmec.hashes"


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(
    body: str, *, member: int = 42, timestamp: str = LONG_AGO, entry_id: str | None = None, **more: object
) -> Entry:
    """An entry whose id is its content, unless another is given."""
    digests = digests_of(body.encode())
    prints = {"md5": digests.md5, "sha1": digests.sha1.upper(), "pdna": "a1a1..."}
    return Entry(member, entry_id or body, timestamp, prints, **more)  # type: ignore[arg-type]


def deleted(one: Entry, timestamp: str) -> Entry:
    return Entry(one.member, one.id, timestamp, kind=one.kind, is_deleted=True)


def synced(server: RunningNcmec, output: Path, at: datetime = NOON) -> SyncReport:
    return sync(read_source(server.url), output, asked_at=at)


def ask(output: Path, *bodies: str) -> list[Verdict]:
    service = HashListService(output)
    verdicts = service.lookup([digests_of(body.encode()) for body in bodies])
    service.close()
    return verdicts


def results(output: Path, *bodies: str) -> list[str]:
    return [str(verdict.result) for verdict in ask(output, *bodies)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_the_first_sync_builds_a_list_of_every_page(server: RunningNcmec, output: Path) -> None:
    bodies = [str(number) for number in range(8)]
    server.put(*(entry(body, kind="video" if int(body) % 2 else "image") for body in bodies))
    report = synced(server, output)
    assert (report.pages, report.entries, report.since.year) == (3, 8, 1970)
    verdicts = ask(output, *bodies, "other")
    assert [verdict.result for verdict in verdicts] == [*["match"] * 8, "no_match"]
    (listing,) = verdicts[3].listings
    assert (listing.entry_id, listing.scheme, listing.category) == ("42/3", "ncmec", "A1")
    assert (verdicts[3].strength, listing.algorithms) == ("strong", ("sha1", "md5"))
    assert server.queries()[0] == {"from": "1970-01-01T00:00:00Z", "to": "2026-03-01T12:00:00Z"}
    assert server.asked[0].path == "/npo/v2/status"
    assert set(files(output.parent)) == {"ncmec.hashes", "ncmec.hashes.sync"}


def test_the_next_sync_asks_for_what_changed_since_and_keeps_the_rest(server: RunningNcmec, output: Path) -> None:
    server.put(*(entry(str(number)) for number in range(5)))
    synced(server, output)
    later = NOON + timedelta(days=1)
    server.put(entry("new", timestamp=written(later)), entry("3", classification="B2", timestamp=written(later)))
    report = synced(server, output, later)
    assert server.queries()[-1]["from"] == written(NOON - OVERLAP)
    assert (report.pages, report.entries) == (1, 2)
    assert results(output, "0", "1", "2", "3", "4", "new") == ["match"] * 6
    assert [one.category for one in ask(output, "3")[0].listings] == ["B2"]


def test_an_entry_whose_digests_changed_loses_the_old_ones(server: RunningNcmec, output: Path) -> None:
    server.put(entry("wrong", entry_id="one"), entry("other"))
    synced(server, output)
    later = NOON + timedelta(days=1)
    server.put(entry("right", entry_id="one", timestamp=written(later)))
    synced(server, output, later)
    assert results(output, "wrong", "right", "other") == ["no_match", "match", "match"]


def test_an_entry_that_lost_its_digests_matches_no_more(server: RunningNcmec, output: Path) -> None:
    server.put(entry("wrong", entry_id="one"), entry("other"))
    synced(server, output)
    later = NOON + timedelta(days=1)
    server.put(Entry(42, "one", written(later), {"pdna": "a1a1..."}))
    synced(server, output, later)
    assert results(output, "wrong", "other") == ["no_match", "match"]


def test_a_deletion_withdraws_that_members_entry_and_no_other(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a", entry_id="image1"), entry("b", entry_id="image1", member=43), entry("c", kind="video"))
    synced(server, output)
    assert results(output, "a", "b", "c") == ["match"] * 3
    later = NOON + timedelta(hours=5)
    server.put(*(deleted(server.entries[key], written(later)) for key in [(42, "image1"), (42, "c")]))
    synced(server, output, later)
    assert results(output, "a", "b", "c") == ["no_match", "match", "no_match"]
    assert [one.status for one in ask(output, "a")[0].listings] == ["withdrawn"]


def test_a_deletion_of_what_was_never_seen_does_no_harm(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"), deleted(entry("gone", member=7), LONG_AGO))
    synced(server, output)
    assert results(output, "a", "gone") == ["match", "no_match"]


def test_two_members_digests_under_the_same_id_are_two_entries(server: RunningNcmec, output: Path) -> None:
    server.put(entry("same", entry_id="x", member=1), entry("same", entry_id="x", member=2))
    synced(server, output)
    assert {one.entry_id for one in ask(output, "same")[0].listings} == {"1/x", "2/x"}


def test_an_entry_that_is_seen_late_is_not_skipped(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    synced(server, output)
    server.put(entry("late", timestamp=written(NOON - OVERLAP + timedelta(seconds=1))))
    synced(server, output, NOON + timedelta(minutes=10))
    assert results(output, "a", "late") == ["match", "match"]


def test_a_sync_without_news_leaves_the_list_and_remembers_the_time(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    synced(server, output)
    before = output.read_bytes()
    report = synced(server, output, NOON + timedelta(days=2))
    assert (report.entries, report.built, output.read_bytes()) == (0, None, before)
    synced(server, output, NOON + timedelta(days=3))
    assert server.queries()[-1]["from"] == written(NOON + timedelta(days=2) - OVERLAP)


def test_another_category_table_is_taken_also_without_news_and_kept_after_that(
    server: RunningNcmec, output: Path
) -> None:
    server.put(entry("a"))
    version = synced(server, output).built
    table = CategoryTable("ours", {"ncmec": {None: Nature.UNKNOWN, "A1": Nature.BENIGN}})
    later = NOON + timedelta(days=2)
    report = sync(read_source(server.url), output, category_table=table, asked_at=later)
    assert version is not None
    assert report.built is not None
    assert (report.entries, report.built.list_version != version.list_version) == (0, True)
    assert results(output, "a") == ["no_match"]
    assert sync(read_source(server.url), output, category_table=table, asked_at=later).built is None
    server.put(entry("b", timestamp=written(later)))
    synced(server, output, later)
    assert results(output, "a", "b") == ["no_match", "no_match"]


def test_a_source_without_entries_makes_no_list_and_nothing_to_remember(server: RunningNcmec, output: Path) -> None:
    assert synced(server, output).built is None
    assert files(output.parent) == {}


def test_a_lost_list_is_fetched_anew(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    synced(server, output)
    output.unlink()
    assert synced(server, output, NOON + timedelta(days=1)).since.year == 1970
    assert results(output, "a") == ["match"]


def test_a_last_time_that_is_still_to_come_is_not_trusted(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    synced(server, output, NOON + timedelta(hours=3))  # by a clock that was ahead
    server.put(entry("late", timestamp=written(NOON - timedelta(hours=2))))
    report = synced(server, output, NOON + timedelta(minutes=1))
    assert (report.since.year, report.distrusted) == (1970, NOON + timedelta(hours=3))
    assert results(output, "a", "late") == ["match", "match"]
    assert synced(server, output, NOON + timedelta(minutes=2)).distrusted is None


def test_a_clock_that_is_ahead_of_the_sources_skips_nothing(server: RunningNcmec, output: Path) -> None:
    def tell_status(_: Asked, number: int) -> Reply | None:
        headers = {"Date": formatdate((NOON - timedelta(days=1)).timestamp(), usegmt=True)}
        status = f'<status xmlns="{NAMESPACE}"/>'.encode()
        return None if number else Reply(200, "application/xml", status, headers)

    server.put(entry("a"))
    server.interject = tell_status
    report = sync(read_source(server.url), output)
    assert report.until == NOON - timedelta(days=1)
    server.put(entry("late", timestamp=written(NOON)))
    server.interject = None
    assert sync(read_source(server.url), output).since == report.until - OVERLAP
    assert results(output, "a", "late") == ["match", "match"]


@pytest.mark.parametrize("date", ["", "soon", "Thu, 01 Jan 99999 00:00:00 GMT"])
def test_a_source_that_does_not_say_the_time_is_synced_by_ours(server: RunningNcmec, output: Path, date: str) -> None:
    status = Reply(200, "application/xml", f'<status xmlns="{NAMESPACE}"/>'.encode(), {"Date": date})
    server.interject = lambda _, number: None if number else status
    server.put(entry("a"))
    assert datetime.now(UTC) - sync(read_source(server.url), output).until < timedelta(minutes=5)


def test_a_first_sync_of_entries_that_cannot_be_read_fails(server: RunningNcmec, output: Path) -> None:
    server.put(Entry(42, "one", LONG_AGO, {"md5": "nonsense"}), Entry(42, "two", LONG_AGO, {"pdna": "a1"}))
    with pytest.raises(Unavailable, match=r"of 2 entries none .*page 1, record \d: the md5 has 8 characters"):
        synced(server, output)
    assert files(output.parent) == {}


def test_an_entry_of_an_unknown_kind_is_counted_and_said(server: RunningNcmec, output: Path) -> None:
    audio = entry("sound", kind="audio").xml()
    document = f'<queryResult xmlns="{NAMESPACE}"><audios>{audio}{audio}</audios><images>{entry("a").xml()}</images>'
    server.interject = lambda _, number: ncmec.xml(f"{document}</queryResult>") if number else None
    report = synced(server, output)
    assert (report.entries, results(output, "a")) == (3, ["match"])
    assert report.built is not None
    assert [(row.place, row.reason) for row in report.built.refused] == [
        ("record 1", "an entry of a kind that is not known: audio"),
        ("record 2", "an entry of a kind that is not known: audio"),
    ]


def page_that_leads_to(link: str) -> Reply:
    link = link.replace("&", "&amp;")
    return ncmec.xml(f'<queryResult xmlns="{NAMESPACE}"><paging><next>{link}</next></paging></queryResult>')


BROKEN = {
    "not found": Reply(404, "text/html", b"<h1>Not Found</h1>"),
    "refused": Reply(403, "text/html", b"<h1>Forbidden</h1>"),
    "redirect": Reply(302, headers={"Location": "https://elsewhere.example/npo/v2/entries?from=a"}),
    "HTML": Reply(200, "text/html", b"<html><body>Maintenance</body></html>"),
    "empty": Reply(200, "application/xml", b""),
    "not closed": Reply(200, "application/xml", f'<queryResult xmlns="{NAMESPACE}"><images>'.encode()),
    "cut": Reply(200, "application/xml", f'<queryResult xmlns="{NAMESPACE}">'.encode(), claimed_length=500),
    "another version": Reply(200, "application/xml", b'<queryResult xmlns="https://hashsharing.ncmec.org/v3"/>'),
    "another document": Reply(200, "application/xml", f'<members xmlns="{NAMESPACE}"/>'.encode()),
    "entities": Reply(
        200,
        "application/xml",
        f'<!DOCTYPE queryResult [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><queryResult xmlns="{NAMESPACE}">&b;'
        "</queryResult>".encode(),
    ),
    "a file": Reply(
        200,
        "application/xml",
        f'<!DOCTYPE queryResult [<!ENTITY a SYSTEM "file:///etc/hostname">]><queryResult xmlns="{NAMESPACE}">&a;'
        "</queryResult>".encode(),
    ),
    "an empty document type": Reply(
        200, "application/xml", f'<!DOCTYPE queryResult><queryResult xmlns="{NAMESPACE}"/>'.encode()
    ),
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_page_that_cannot_be_had_changes_nothing(server: RunningNcmec, output: Path, reply: Reply, page: int) -> None:
    server.put(*(entry(str(number)) for number in range(8)))
    synced(server, output)
    before = files(output.parent)
    later = NOON + timedelta(days=1)
    changes = [
        deleted(server.entries[42, "0"], written(later)),
        *(entry(f"new {n}", timestamp=written(later)) for n in range(8)),
    ]
    server.put(*changes)
    server.interject = lambda _, number: reply if number == page else None
    with pytest.raises(Unavailable) as caught:
        synced(server, output, later)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert files(output.parent) == before
    server.interject = None
    synced(server, output, later)
    assert results(output, "0", "1", *(f"new {n}" for n in range(8))) == ["no_match", *["match"] * 9]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_page_cut_anywhere_is_no_page(
    server: RunningNcmec, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    output = tmp_path_factory.mktemp("cut") / "list"
    server.put(*(entry(str(number)) for number in range(3)))
    server.interject = None
    whole = server.page({"from": ["1970"], "to": ["2100"]}).body
    cut = Reply(200, "application/xml", whole[: int(len(whole) * share)])
    server.interject = lambda _, number: cut if number else None
    with pytest.raises(Unavailable, match="page 1"):
        synced(server, output)
    assert files(output.parent) == {}


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{elsewhere}/npo/v2/entries?from=a&start=4",
        "//127.0.0.1:{elsewhere}/npo/v2/entries?from=a",
        "@127.0.0.1:{elsewhere}/v2/entries?from=a",
        "https://evil.example/v2/entries?from=a",
        ":80@evil.example/v2/entries?from=a",
        "/v2/feedback?from=a",
        "/v2/entries",
        "/v2/entries/../../../other?from=a",
        "/v2/entries?from=a\nHost: evil.example",
        "/v2/entries?from=\u00e9",
        "/npo/v2/entries?from=a",
        "entries?from=a",
        "?from=a",
        "/v2/entries?" + "a" * 5_000,
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(server: RunningNcmec, output: Path, link: str) -> None:
    with ncmec.run() as elsewhere:
        reply = page_that_leads_to(link.format(elsewhere=elsewhere.port))
        server.interject = lambda _, number: reply if number else None
        with pytest.raises(Unavailable, match="not followed"):
            synced(server, output)
        assert elsewhere.asked == []
    assert len(server.asked) == 2
    assert files(output.parent) == {}


def test_links_in_a_circle_end(server: RunningNcmec, output: Path) -> None:
    server.interject = lambda _, number: page_that_leads_to("/v2/entries?start=4") if number else None
    with pytest.raises(Unavailable, match="circle"):
        synced(server, output)
    assert len(server.asked) == 3


def test_wrong_credentials_are_one_question_and_say_what_to_mend(
    server: RunningNcmec, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "not the password")
    address = read_source(f"ncmec+http://127.0.0.1:{server.port}/npo?username=env:WRONG&password=env:WRONG")
    with pytest.raises(Unavailable, match="refuses the credentials") as caught:
        sync(address, output)
    assert "not the password" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_url_that_is_no_environment_is_told_so(server: RunningNcmec, output: Path) -> None:
    server.interject = lambda _, __: Reply(200, "text/html", b"<html>Welcome</html>")
    with pytest.raises(Unavailable, match="not a status of Hash Sharing v2: check the URL's path"):
        synced(server, output)


def test_a_time_that_cannot_be_written_is_asked_for_again(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    synced(server, output)
    later = NOON + timedelta(days=1)
    server.put(entry("b", timestamp=written(later)), deleted(server.entries[42, "a"], written(later)))
    obstacle = output.with_name(f".{output.name}.sync.new")
    obstacle.mkdir()
    with pytest.raises(OutputRefused, match=r"sync cannot be written"):
        synced(server, output, later)
    obstacle.rmdir()
    assert synced(server, output, later + timedelta(days=1)).since == NOON - OVERLAP
    assert results(output, "a", "b") == ["no_match", "match"]


def test_a_second_sync_of_the_same_list_waits_its_turn(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    said: list[MatcherError] = []

    def sync_too(_: Asked, number: int) -> None:
        if number:
            with pytest.raises(OutputRefused) as caught:
                synced(server, output)
            said.append(caught.value)

    server.interject = sync_too
    synced(server, output)
    assert "being synced already" in str(said[0])
    assert results(output, "a") == ["match"]


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"source": "x"}', '{"source": "x", "asked_until": "soon"}', "\x00"]
)
def test_a_damaged_time_is_not_guessed(server: RunningNcmec, output: Path, content: str) -> None:
    server.put(entry("a"))
    synced(server, output)
    output.with_name(output.name + ".sync").write_text(content)
    with pytest.raises(HashListUnreadable, match="remove it, and everything is fetched again"):
        synced(server, output)


def test_a_list_of_one_source_is_not_mixed_with_another(server: RunningNcmec, output: Path) -> None:
    server.put(entry("a"))
    synced(server, output)
    with ncmec.run() as other, pytest.raises(OutputRefused, match="name another output"):
        synced(other, output)


def test_a_killed_sync_leaves_the_list_and_the_next_one_gets_everything(server: RunningNcmec, output: Path) -> None:
    server.put(*(entry(str(number)) for number in range(8)))
    synced(server, output)
    before = output.read_bytes(), output.with_name(output.name + ".sync").read_bytes()
    later = NOON + timedelta(days=1)
    server.put(*(entry(f"new {number}", timestamp=written(later)) for number in range(8)))
    process: subprocess.Popen[bytes] | None = None

    def kill(_: Asked, number: int) -> None:
        if number == 3 and process is not None:
            process.kill()
            process.wait()

    server.interject = kill
    process = subprocess.Popen(
        [sys.executable, "-m", "orbweaver.cli", "hashlist", "sync", server.url, "-o", str(output)]
    )
    assert process.wait(timeout=300) == -9
    assert (output.read_bytes(), output.with_name(output.name + ".sync").read_bytes()) == before
    server.interject = None
    synced(server, output, later)
    assert results(output, *map(str, range(8)), *(f"new {number}" for number in range(8))) == ["match"] * 16


steps = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.integers(1, 2), st.integers(0, 5), st.sampled_from(["put", "change", "strip", "delete"]))
        ),
        st.integers(0, 4),  # the page that fails; 0 is none
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps)
def test_whatever_happened_the_list_says_what_the_source_says(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[list[tuple[int, int, str]], int]]
) -> None:
    output = tmp_path_factory.mktemp("history") / "list"
    at = NOON
    seen: set[str] = set()
    with ncmec.run() as server:
        server.put(entry("always"))
        for number, (changes, failing) in enumerate([*history, ([], 0)]):
            at += timedelta(minutes=7)  # less than the overlap, so that old states come again
            for member, entry_id, what in changes:
                body = f"{member} {entry_id}" if what == "put" else f"{member} {entry_id} {number}"
                one = entry(body, member=member, entry_id=str(entry_id), timestamp=written(at))
                seen.add(body)
                if what == "strip":
                    one = Entry(one.member, one.id, one.timestamp, {"pdna": "a1a1..."})
                server.put(deleted(one, written(at)) if what == "delete" else one)
            server.interject = lambda _, page, failing=failing: Reply(404) if page == failing and page else None
            try:
                synced(server, output, at)
            except Unavailable:
                assert failing
        listed = {one.fingerprints.get("md5") for one in server.entries.values() if not one.is_deleted}
    expected = ["match" if digests_of(body.encode()).md5 in listed else "no_match" for body in sorted(seen)]
    assert results(output, "always", *sorted(seen)) == ["match", *expected]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("https://hashsharing.ncmec.org/npo", "no source to sync from: write it like ncmec://"),
        ("hashsharing.ncmec.org/npo", "no source to sync from"),
        ("ncmec://hashsharing.ncmec.org/npo", "wants a user name and a password"),
        ("ncmec://hashsharing.ncmec.org/npo?username=env:U", "wants a user name and a password"),
        ("ncmec+http://hashsharing.ncmec.org/npo?username=env:U&password=env:U", "not https"),
        ("ncmec://hashsharing.ncmec.org/npo?username=env:U&password=hunter2", "is given in plain text"),
        ("ncmec://u:hunter2@hashsharing.ncmec.org/npo", "has a user name or password in it"),
        ("ncmec://hashsharing.ncmec.org/npo?username=env:U&password=env:U&since=2020", "unknown option 'since'"),
        ("ncmec://hashsharing.ncmec.org/npo?username=env:U&password=env:U&canary=none", "option 'canary' twice"),
        ("ncmec:///npo?username=env:U&password=env:U", "names no host"),
    ],
)
def test_a_source_that_cannot_be_asked_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, complaint: str) -> None:
    monkeypatch.setenv("U", "hotline")
    with pytest.raises(UnknownService, match=complaint) as caught:
        read_source(url)
    assert "hunter2" not in str(caught.value)
    assert "matcher" not in str(caught.value).lower()


def test_ncmec_means_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U", "hotline")
    address = read_source("ncmec://hashsharing.ncmec.org/npo/?username=env:U&password=env:U")
    assert address.base_url == "https://hashsharing.ncmec.org/npo"
    assert "hotline" not in repr(address)
