"""Which forms are links in another shape, and which button hides a file; no form that acts is ever sent."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from contained import crawl
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.visiting.forms import MOST_REFERENCES, PageForms, forms_of
from synthetic_host import Resource, SyntheticHost

HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("page", "references"),
    [
        ("<form action=/dl><input type=hidden name=id value=7><input type=hidden name=t value='a b&*'>"
         "<input type=submit value=Download></form>", ["/dl?id=7&t=a+b%26*"]),
        ("<FORM ACTION='/dl?old=1#x' METHOD=GET><input type=hidden name=id value=7><button>Go</button></FORM>",
         ["/dl?id=7"]),
        ("<form action=/a><button formaction=/b.zip>b</button><input type=image formaction=/c.zip></form>",
         ["/b.zip", "/c.zip"]),
        ("<form action=/a method=post><button formmethod=get name=n value=1>b</button></form>", ["/a?n=1"]),
        ("<form action=/a><button name=q value=hd>HD</button><button name=q value=sd>SD</button></form>",
         ["/a?q=hd", "/a?q=sd"]),
        # A list of pages, and one without a button that its script sends.
        ("<form action=/g><select name=page><option value=1>1<option value=2>2</select><input type=submit></form>",
         ["/g?page=1", "/g?page=2"]),
        ("<form action=/g><select name=page onchange='submit()'><option value=''>choose<option>p 2</select></form>",
         ["/g?page=p+2"]),
        ("<form><input type=checkbox name=a checked><input type=checkbox name=b><input type=radio name=c value=1>"
         "<input type=radio name=c value=2><button type=submit>x</button></form>", ["?a=on&c=1"]),
        ("<form action=/1><button>1</button><form action=/2><button>2</button></form>", ["/1", "/2"]),
        ("<meta charset=shift_jis><form action=/s><input type=hidden name=q value=写><button>x</button></form>",
         ["/s?q=%8E%CA"]),
        # A menu whose script goes to the choice.
        ("<form><select onchange='go(this.value)'><option value=/2>two<option value='http://h/3'>three</select></form>",
         ["/2", "http://h/3"]),
        ("<select onchange='go(this.value)'><option>to<OPTION id=a VALUE='../a&amp;b/'>x<option value=4></select>",
         ["../a&b/"]),
        # Searches, logins and what only shows the same in another order; a form that leads to its own page.
        ("<form action=/search><input name=q><button>Search</button></form>", []),
        ("<form action=/in><input type=password name=p><button>Log in</button></form>", []),
        ("<form action=/c><textarea name=t></textarea><button>Send</button></form>", []),
        ("<form action=/g><select name=orderby><option value=price><option value=date></select></form>", []),
        ("<form action=/g><select name=a><option>1</select><select name=b><option>2</select></form>", []),
        ("<form><button>Reload</button></form>", []),
        ("<form action=/a method=dialog><button>Close</button></form>", []),
        ("<formula><input type=hidden name=a value=b></formula>", []),
    ],
)  # fmt: skip
def test_a_form_that_asks_for_nothing_leads_where_its_request_goes(page: str, references: list[str]) -> None:
    codec = "shift_jis" if "shift_jis" in page else "utf-8"
    assert forms_of(page.encode(codec), "text/html") == PageForms(tuple(references))


@pytest.mark.parametrize(
    ("page", "is_noted"),
    [
        ("<form method=post><input type=hidden name=op><input type=submit value='Free Download'></form>", True),
        ("<form method=POST action=/f><button><b>Télécharger</b> le fichier</button></form>", True),
        ("<form method=post><input type=text name=captcha><input type=image alt='Get link'></form>", True),
        ("<form><button formmethod=post>Скачать</button></form>", True),
        ("<form method=post><input type=hidden name=topic><button>Reply</button></form>", False),
        ("<form method=post><input name=u><input type=password name=p><button>Download</button></form>", False),
        ("<form method=get><button>Download</button></form>", False),
        ("<p>Download</p><form method=post><button>Vote</button></form>", False),
    ],
)  # fmt: skip
def test_a_download_button_that_sends_by_post_is_noted(page: str, is_noted: bool) -> None:
    assert forms_of(page.encode(), HTML).has_unsent_download is is_noted


def test_forms_are_bounded() -> None:
    choices = "".join(f"<option>{number}" for number in range(1_000))
    assert len(forms_of(f"<form><select name=p>{choices}</select></form>".encode(), HTML).references) == MOST_REFERENCES
    assert len(forms_of(b"<form><input type=hidden name=a><button>x</button></form>" * 1_000, HTML).references) == 1


@pytest.mark.parametrize(
    "piece",
    [
        "<form>",
        "<form><input name=a value='",
        "<form><select name=p><option>a<",
        "</form ",
        "<form a='",
        "<option ",
        "<option value ",
        "<option value=/a",
    ],
)
def test_forms_are_read_in_linear_time(piece: str) -> None:
    page = b"<form " + piece.encode() * (400_000 // len(piece))
    with measured() as cost:
        forms_of(page, HTML)
    assert cost.units <= LINEAR


PIECES = [
    "<form ",
    "<form>",
    "</form>",
    "method=post ",
    "<select name=p>",
    "<option ",
    "value=1",
    ">",
    "<button>",
    "'",
    '"',
]


@given(st.lists(st.sampled_from([*PIECES, "download", "<input type=hidden name=a ", "<textarea>", "<!--"])))
def test_no_page_raises(pieces: list[str]) -> None:
    forms_of("".join(pieces).encode(), HTML)


def test_a_file_behind_a_form_is_found_and_one_behind_a_post_is_a_failure() -> None:
    page = (
        b"<form action=/dl><input type=hidden name=id value=7><button>Download</button></form>"
        b"<form action=/gone><button>x</button></form>"
        b"<form method=post><button>Free download</button></form><form method=post><button>Download now</button></form>"
    )
    picture = Resource("image/png", b"\x89PNG\r\n\x1a\nform")
    with SyntheticHost({"/": Resource("text/html", page), "/dl?id=7": picture}) as host:
        crawled = crawl(host.url)
        paths = host.paths

    assert sorted(paths) == ["/", "/dl?id=7", "/gone"]
    assert [one.url for one in crawled.sightings if one.http.status == 200] == [f"{host.url}dl?id=7"]
    assert crawled.rules == {f"{host.url}gone": "candidate.form", host.url: "gate.download"}
    assert crawled.skip_of(host.url).is_failure
