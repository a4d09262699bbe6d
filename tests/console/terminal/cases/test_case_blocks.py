"""Cases are shown by file: the evidence once, with labels, and every place where the file is."""

from __future__ import annotations

import io

import pytest
from builders import NOON, STAMP, a_sighting
from orbweaver.console.terminal.cases import case_blocks
from orbweaver.console.terminal.cases.case_blocks import PLACES_SHOWN, blocks_of
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import Case, Hosting, HttpFacts, Listing, Redirect
from orbweaver.takedown.cases.transitions import change_by_match
from rich.console import Console

SERVICE = "hashlist:/home/h/state/hashlists/national-0123456789abcdef.5.hashes"


def a_case(name: str, body: bytes = b"known", *, member: str | None = None, **listed: object) -> Case:
    sighting = a_sighting(body, url=f"https://h.test/{name}", report_ids=("R-1", "R-2")).model_copy(
        update={"sniffed_type": "image/jpeg", "http": HttpFacts(status=200, archive_member=member)}
    )
    fields = {"service": SERVICE, "list": "national", "entry_id": "E-7", "algorithms": ("sha256",), **listed}
    verdict = judge(sighting.digests, [Listing.model_validate(fields)], service=str(fields["service"]), asked_at=NOON)
    return change_by_match(sighting, verdict, None, STAMP).after.case


def shown(*cases: Case, columns: int = 80) -> str:
    console = Console(file=io.StringIO(), width=columns, highlight=False)
    case_blocks.show(console, cases)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_file_at_two_places_is_one_block_of_no_more_columns_than_there_are(columns: int) -> None:
    said = shown(a_case("a.jpg"), a_case("other.jpg", b"other"), a_case("copy.jpg"), columns=columns)
    assert max(map(len, said.splitlines())) <= columns
    words = " ".join(said.replace("│", " ").split())
    assert words.count("SHA-256: ") == 2
    assert words.count("list: national") == 2
    assert words.count("reports: R-1, R-2") == 3
    assert words.count("at 2 places") == 1
    assert "hashlists" not in words
    assert "https://" not in words


def test_two_members_of_an_archive_can_be_told_apart() -> None:
    said = shown(a_case("album.zip", member="inner/a.jpg"), a_case("album.zip", b"other", member="inner/b.jpg"))
    for part in ("in the archive as inner/a.jpg", "in the archive as inner/b.jpg", "file: image/jpeg, 5 B"):
        assert part in said


def test_the_way_to_a_file_has_each_answer_that_sent_on() -> None:
    case = a_case("a.jpg")
    end = "https://h.test/end.jpg"
    way = (
        Redirect(url="https://h.test/a.jpg", status=301),
        Redirect(url="https://h.test/b", status=200),
        Redirect(url="https://h.test/", status=307, is_cut=True),
    )
    told = shown(case.model_copy(update={"final_url": end, "redirects": way})).replace("│", " ")
    assert [line.strip() for line in told.splitlines() if "->" in line] == [
        "301 -> hxxps://h[.]test/b",
        "200 -> hxxps://h[.]test/ and a path that is not kept",
        "307 -> hxxps://h[.]test/end.jpg",
    ]
    old = shown(case.model_copy(update={"final_url": end})).replace("│", " ")
    assert [line.strip() for line in old.splitlines() if "->" in line] == ["-> hxxps://h[.]test/end.jpg"]
    assert "->" not in shown(case.model_copy(update={"redirects": ()}))


def test_a_file_is_one_block_whatever_type_each_host_claims() -> None:
    claims = [None, "image/x-odd", "text/plain"]
    cases = [
        a_case(f"{number}.jpg").model_copy(update={"sniffed_type": None, "content_type": claim})
        for number, claim in enumerate(claims)
    ]
    said = shown(*cases)
    assert said.count("file: ") == said.count("at 3 places") == said.count("file: image/x-odd, 5 B") == 1


def test_sha256_with_another_size_is_strong_and_says_both_sizes() -> None:
    said = " ".join(shown(a_case("a.jpg", size=1_234), columns=200).replace("│", " ").split())
    assert "match: strong, by SHA-256" in said
    assert "held: the list gives another size: 1,234 bytes, the file has 5" in " ".join(said.split())
    assert "nothing confirms" not in said


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"list": None}, "national-0123456789abcdef.5.hashes"),
        ({"service": "https://match.test"}, "national of https://match.test"),
        ({"service": "https://match.test", "list": None}, "https://match.test"),
    ],
)
def test_a_list_is_called_by_its_name_and_a_service_is_named_where_it_is_another(
    fields: dict[str, object], name: str
) -> None:
    assert f"list: {name} " in shown(a_case("a.jpg", **fields), columns=200).replace("│", " ")


def test_what_a_list_writes_is_no_markup_and_drives_no_terminal() -> None:
    said = shown(a_case("a.jpg", category="[blink]A\x1b[2J"))
    assert "category: [blink]A\N{REPLACEMENT CHARACTER}[2J" in said


def test_no_text_of_a_host_is_a_url_to_click_on() -> None:
    case = a_case("album.zip", member="http://evil.example/x.jpg")
    claimed = {"sniffed_type": None, "content_type": "image/png http://evil.example/"}
    said = shown(case.model_copy(update=claimed), columns=200)
    assert "http://" not in said
    assert said.count("hxxp://evil[.]example/") == 2


def test_another_verdict_on_the_same_file_is_another_block_and_many_places_are_counted() -> None:
    cases = [a_case(f"{number}.jpg") for number in range(PLACES_SHOWN + 3)]
    assert [len(block) for block in blocks_of([*cases, a_case("x.jpg", entry_id="E-8")])] == [PLACES_SHOWN + 3, 1]
    assert "and 3 more places" in shown(*cases)


def test_a_link_that_changes_is_shown_as_it_was_last_with_what_changes_and_the_landing_page() -> None:
    visits = [
        a_sighting(url=f"https://h.test/a.jpg?ts=177236640{number}&token=t{number}", minutes=number).model_copy(
            update={"referrer": "https://h.test/album"}
        )
        for number in range(2)
    ]
    verdict = judge(
        visits[0].digests, [Listing(service=SERVICE, algorithms=("sha256",))], service=SERVICE, asked_at=NOON
    )
    opened = change_by_match(visits[0], verdict, None, STAMP).after
    said = shown(change_by_match(visits[1], verdict, opened, STAMP).after.case, columns=200)
    assert "hxxps://h[.]test/a.jpg?ts=1772366401&token=t1" in said
    assert "ts=1772366400" not in said
    assert "the link changes at every visit: ts (time), token (token)" in said
    assert "landing page: hxxps://h[.]test/album" in said


@pytest.mark.parametrize(
    ("hosting", "line"),
    [
        (Hosting(country="SE", asn=64496, provider="Ex", route="police"), "hosted: SE, AS64496 Ex; route: police"),
        (Hosting(country="SE", route="police"), "hosted: SE; route: police"),
        (Hosting(asn=64496), "hosted: AS64496"),
        (Hosting(route="inhope"), "route: inhope"),
        # The country of a CDN's address is not that of the file.
        (
            Hosting(country="SE", asn=13335, provider="Ex", is_cdn=True),
            "hosted: behind a CDN (AS13335 Ex), its origin is not known",
        ),
        (Hosting(), None),
        (None, None),
    ],
)
def test_a_case_says_where_it_is_hosted_and_who_is_told(hosting: Hosting | None, line: str | None) -> None:
    lines = case_blocks.place_lines(a_case("a.jpg").model_copy(update={"hosting": hosting}))
    assert [one.strip() for one in lines if "hosted" in one or "route" in one] == ([] if line is None else [line])
