"""Which pages are gates, how they open, and which pages are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules.gate_words import ROWS, WordKind
from orbweaver.crawler.visiting.gates.gate_pages import MOST_CHARACTERS, MOST_WORDS_SAID, Gate, GateKind, gate_of, said

ASKS = "<p>You must be at least 18 years old to enter.</p>"
K = GateKind


@pytest.mark.parametrize(
    ("page", "words", "reference"),
    [
        ("<a href='/age/confirm'>I am over 18</a>", "I am over 18", "/age/confirm"),
        ("<a href=/in><b>Yes,</b> I am 18 or older</a> <a href=/out>I am under 18</a>", "Yes, I am 18 or older", "/in"),
        (f"{ASKS}<a href=/in>Enter</a><a href=/out>Exit</a>", "Enter", "/in"),
        (f"{ASKS}<a href=/in><img alt='ENTER »' src=a.gif></a>", "ENTER »", "/in"),
        (f"{ASKS}<a href='?over18=1'>Click here</a>", "Click here", "?over18=1"),
        (f"{ASKS}<a href=/age-gate/confirm>OK</a>", "OK", "/age-gate/confirm"),
        ("<p>18+ Nur für Erwachsene, ab 18 Jahren</p><a href=/in>Eintreten</a>", "Eintreten", "/in"),
        ("<a href=/in>Ja, ich bin über 18 Jahre alt</a>", "Ja, ich bin über 18 Jahre alt", "/in"),
        ("<a href=/in>Oui, j&#39;ai plus de 18 ans</a>", "Oui, j'ai plus de 18 ans", "/in"),
        ("<a href=/in>Мне есть 18 лет</a>", "Мне есть 18 лет", "/in"),
        ("<p>18歳未満の方は</p><a href=/in>はい</a><a href=/out>いいえ</a>", "はい", "/in"),
        # forms that are sent by GET and ask for nothing
        ("<form action=/age/confirm><button>I am 18</button></form>", "I am 18", "/age/confirm?"),
        (
            "<form action='/in?old=1#a'><input type=hidden name=back value='/a b&c'><input type=checkbox name=ok>"
            "<input type=radio name=r value=1><input type=radio name=r value=2>"
            "<input type=submit name=go value='I am over 18'></form>",
            "I am over 18",
            "/in?back=%2Fa+b%26c&ok=on&r=1&go=I+am+over+18",
        ),
        (
            f"{ASKS}<form><input type=hidden name=adult value=yes><button>Continue</button></form>",
            "Continue",
            "?adult=yes",
        ),
        (f"{ASKS}<form method=get action=/in><input type=image alt=Enter></form>", "Enter", "/in?"),
        (
            "<form action=/in><input type=checkbox name=a required><input type=checkbox name=b checked=''>"
            "<button>I am 18</button></form>",
            "I am 18",
            "/in?a=on&b=on",
        ),
        (
            "<form action=/in><input type=checkbox name=news_letter[newsletter]><button>I am 18</button></form>",
            "I am 18",
            "/in?",
        ),
        # one click goes before a button that cannot be pressed
        (f"{ASKS}<form method=post><button>I am 18</button></form><a href=/in>I am over 18</a>", "I am over 18", "/in"),
    ],
)
def test_a_gate_of_one_click_leads_in(page: str, words: str, reference: str) -> None:
    assert gate_of(page, is_refused=False) == Gate(K.CLICK, words, reference)


@pytest.mark.parametrize(
    ("page", "kind", "words"),
    [
        ("<form method=post><button>I am 18</button></form>", K.FORM, "I am 18"),
        (f"{ASKS}<form method=POST><input type=submit value=Enter></form>", K.FORM, "Enter"),
        ("<form><input type=date name=born><button>I am over 18</button></form>", K.FORM, "I am over 18"),
        (f"{ASKS}<form><select name=year></select><button>Enter</button></form>", K.FORM, "Enter"),
        ("<form method=dialog><button>I am 18</button></form>", K.FORM, "I am 18"),
        ("<form><button formmethod=post>I am 18</button></form>", K.FORM, "I am 18"),
        ("<form><button formaction=/in>I am 18</button></form>", K.FORM, "I am 18"),
        (
            "<form><input type=checkbox name=a><input type=checkbox name=b value='checked'><button>I am 18</button>",
            K.FORM,
            "I am 18",
        ),
        ("<button onclick='ok()'>I am over 18</button>", K.SCRIPT, "I am over 18"),
        ("<a href='javascript:enter()'>I am over 18</a>", K.SCRIPT, "I am over 18"),
        ("<a href='#' onclick='enter()'>I am over 18</a>", K.SCRIPT, "I am over 18"),
        (f"{ASKS}<form><button type=button>Enter</button></form>", K.SCRIPT, "Enter"),
        (
            "<title>Just a moment</title><p>Checking your browser before accessing",
            K.CHALLENGE,
            "checking your browser",
        ),
        ("<p>Please complete the security check to access", K.CHALLENGE, "complete the security check"),
        ("<noscript>Enable JavaScript and cookies to continue</noscript>", K.CHALLENGE, None),
        ("<h1>Hotlinking is not allowed</h1>", K.HOTLINK, "hotlinking is not allowed"),
        ("<p>You must be logged in to view this album", K.LOGIN, None),
        ("<form method=post><input name=u><input type=password><button>Sign in</button></form>", K.LOGIN, "Sign in"),
        ("<p>This album is password protected<form method=post><input type=password></form>", K.LOGIN, None),
    ],
)
def test_a_gate_that_does_not_open_by_one_click(page: str, kind: GateKind, words: str | None) -> None:
    found = gate_of(page, is_refused=False)
    assert found is not None
    assert (found.kind, found.reference) == (kind, None)
    assert words is None or found.words == words


LOGIN_BOX = "<form method=post action=/login><input name=u><input type=password name=p><button>Log in</button></form>"
ODD_WORDS = [
    *(
        "B\u200buy",
        "Bu&shy;y",
        "Bu\u0443",
        "\uff22\uff55\uff59",
        "\U0001d41b\U0001d42e\U0001d432",
        "\u0299\u1d1c\u028f",
    ),
    *(
        "B u y",
        "B.u.y",
        "B\u0336u\u0336y\u0336",
        "b\u3164uy",
        "\U0001f171uy",
        "\u24b7uy",
        "B&#x1;uy",
        "B\u2060uy",
        "\ua4d0uy",
    ),
]
SHOWN = "<img src=a.jpg><img src=b.jpg><img src=c.jpg><img src=d.jpg>"


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>Words.",
        f"{LOGIN_BOX}{SHOWN}",  # a gallery with a login in its header
        f"{LOGIN_BOX}{'<a href=a>Album</a>' * 12}",
        f"{LOGIN_BOX}{'<p>A text about something that has nothing to do with it.' * 40}",
        "<form action=/search><input name=q><button>Search</button></form><a href=/thread/1>Thread</a>",
        f"{ASKS}{SHOWN}<form method=post><button>I am over 18</button></form>",  # a box over what is there
        f"{ASKS}{'<a href=a>a</a>' * 30}<button onclick=a()>Enter</button>",
        "<p>Welcome.</p><a href=/in>Enter</a>",
        "<p>We use cookies.</p><a href=/ok>Accept</a><form method=post><button>I agree</button></form>",
        "<a href=/galleries/18>18+ galleries</a><a href=/180>Over 180 photos</a>",
        f"{ASKS}<a href=/out>Exit</a><a href=/join>Join now (18+)</a>",
        f"{ASKS}<form method=post>{LOGIN_BOX}</form>{SHOWN}",
        f"{ASKS}<form method=post action=/vote><button>Vote</button></form>",
        f"{ASKS}<form action=/delete><button>Yes, delete</button></form>",
        f"{ASKS}<form action=/buy><input type=submit value='Buy now, I am over 18'></form>",
        # odd letters and spaces do not make what acts a way in, nor does a picture beside it, nor a long text
        *(f"<a href=/a>I am over 18, {words}</a>" for words in ODD_WORDS),
        "<a href=/a><img alt='Buy now'><img alt='I am over 18'></a>",
        "<a href=/a title='Buy now'><img alt='I am over 18'></a>",
        f"{ASKS}<a href='/age-gate/confirm'>{'x' * 120} buy</a>",
        "<p>Age of Empires: at least 18 maps.</p><a href=/in>Continue</a>",
        "<p>Please enable JavaScript to view the comments powered by a service.</p>",
        "<!-- <a href=/in>I am over 18</a> --><script>'<a href=/in>I am over 18</a>'</script>",
        "<p>Follow us, report abuse, or log in to vote.</p>",
        "<a>I am over 18</a>",
        "x" * (MOST_CHARACTERS + 1) + "<a href=/in>I am over 18</a>",
    ],
)
def test_an_ordinary_page_is_no_gate(page: str) -> None:
    assert gate_of(page, is_refused=False) is None


def test_the_base_of_the_page_counts_for_the_way_in() -> None:
    found = gate_of("<base href='/other/'><a href=in>I am over 18</a>", is_refused=False)
    assert found == Gate(K.CLICK, "I am over 18", "in", "/other/")


def test_what_is_said_of_a_button_is_one_short_line() -> None:
    assert said("I am\x1b[31m \u202e18\n") == "I am[31m 18"
    assert said("\u061c18\u00ad\U000e0041\u0336\ud800\u2066\u2028+") == "18 +"
    assert len(said("x" * 1_000)) == MOST_WORDS_SAID


PIECES = ["<a ", "<a href='", "<!--", "<form><input>", "<button>", "</a>", "<a href=#>18+", '"<', "<p>&"]


@pytest.mark.parametrize("piece", PIECES)
def test_a_hostile_page_is_no_gate(piece: str) -> None:
    """Read with a pattern that goes back, each of them takes hours."""
    assert gate_of(piece * (MOST_CHARACTERS // len(piece)), is_refused=True) is None


FRAGMENTS = [
    *(row.example for row in ROWS if row.kind is not WordKind.ADDRESS),
    *(
        "<a href=/in>",
        "</a>",
        "<form>",
        "<form method=post>",
        "</form>",
        "<button>",
        "<input type=password>",
        "<script>",
    ),
    *("<!--", "-->", "'", '"', "<base href=//x>", "<img>", "\0", "\ud800", "<title>", "&#1;"),
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=20), max_size=20))
def test_whatever_a_page_is_a_gate_is_said_in_one_short_line(parts: list[str]) -> None:
    found = gate_of("".join(parts), is_refused=False)
    if found is not None:
        assert found.words == said(found.words)
        assert (found.reference is not None) == (found.kind is K.CLICK)


LONG = "words that nobody sees > " * 1_000


@pytest.mark.parametrize(
    "before",
    [
        f"<script>{LONG}</script>",
        f"<STYLE media=all>{LONG}</STYLE >",
        f"<noframes>{LONG}<p>{LONG}</noframes>",
        f"<!-- {LONG} -->",
        f"<!-- <script> -->{' ' * 20_000}",
        f'<div data-text="{LONG}"></div>',
        f"<p title='{LONG}'>",
        "<span></span>\r\n\t" * 3_000,
        f"<script>{LONG[:7_000]}</script><style>{LONG}</style>",
    ],
    ids=lambda before: before[:12],
)
def test_what_a_gate_does_not_show_does_not_make_it_long(before: str) -> None:
    assert gate_of(f"{before}<a href=/in>I am over 18</a>", is_refused=False) == Gate(K.CLICK, "I am over 18", "/in")


@pytest.mark.parametrize("text", [f"<p>{LONG}</p>", f"<p>{LONG[:4_500]}</p><!--{LONG}", f"{LONG}<script>{LONG}"])
def test_a_page_with_a_long_text_is_no_gate(text: str) -> None:
    assert gate_of(f"{text}<a href=/in>I am over 18</a>", is_refused=False) is None
    assert gate_of(f"<a href=/in>I am over 18</a>{text}", is_refused=False) is None
