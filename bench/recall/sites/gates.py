"""Gates: a click that says one's age, a consent, a warning. What needs a form that posts, or a script, is no browser's."""

from __future__ import annotations

from functools import partial

from bench.recall.site import Answer, Page, Site, site

one = partial(site, "gates")
COOKIE = {"Cookie": r"\bage=1\b"}
INSIDE = Answer("<!doctype html><img src=/a.jpg>", when=COOKIE)
PASSED = Answer("", status=302, headers=("Location: /", "Set-Cookie: age=1; Path=/"))


def gate(
    name: str,
    text: str,
    *,
    by: str = "/enter",
    shown: str = "/a.jpg",
    more: str = "",
    passed: Answer = PASSED,
    **pages: Page,
) -> Site:
    start = (INSIDE, Answer(f"<!doctype html><title>Warning</title><p>Adults only.</p>{text}"))
    return one(name, start, pages={by: passed, **pages}, shown=shown, more=more)  # fmt: skip


SITES = (
    gate("enter", "<a href=/enter>ENTER</a> <a href=http://{other}/>leave</a>"),
    gate("over 18", "<a href=/?over18=1 class=btn>I am over 18</a>", by="/?over18=1"),
    gate("age/confirm", "<a href=/age/confirm>Yes, I am 18 or older</a>", by="/age/confirm"),
    gate("disclaimer", "<a href=/disclaimer?agree=yes>I agree</a>", by="/disclaimer?agree=yes"),
    gate("in German", "<a href=/jugendschutz/ok>Ich bin mindestens 18 Jahre alt</a>", by="/jugendschutz/ok"),
    gate("in French", "<a href=/majeur>J'ai plus de 18 ans, entrer</a>", by="/majeur"),
    gate("in Spanish", "<a href=/mayor>Soy mayor de 18 a\u00f1os</a>", by="/mayor"),
    gate("in Russian", "<a href=/vhod>\u041c\u043d\u0435 \u0443\u0436\u0435 \u0435\u0441\u0442\u044c 18</a>", by="/vhod"),
    gate("in Japanese", "<a href=/nyuujou>18\u6b73\u4ee5\u4e0a\u306e\u65b9\u306f\u5165\u5834</a>", by="/nyuujou"),
    gate("link with a picture", "<a href=/enter><img src=/e.gif alt=Enter></a>", shown="/a.jpg /e.gif"),
    gate("the start itself, with a query", "<a href='/?age=1'>Continue</a>", by="/?age=1",
         passed=Answer("<!doctype html><img src=/a.jpg>", headers=("Set-Cookie: age=1",))),
    gate("form that gets", "<form action=/age/confirm method=get><input type=hidden name=ok value=1>"
         "<button>I am 18 or older</button></form>", by="/age/confirm?ok=1", shown="", more="/a.jpg"),
    gate("form with a submit value", "<form action=/enter><input type=submit name=go value='Enter'></form>",
         by="/enter?go=Enter", shown="", more="/a.jpg"),
    gate("cookie set by the gate page", "<a href=/in>enter</a>", by="/in", passed=Answer(
         "<!doctype html><img src=/a.jpg>", headers=("Set-Cookie: age=1; Path=/",))),
    one("gate on a page behind", "<a href=/g/1>gallery</a>", pages={
        "/g/1": (INSIDE, Answer("<!doctype html><p>18+</p><a href='/age?back=/g/1'>enter</a>")),
        "/age?back=/g/1": Answer("", status=302, headers=("Location: /g/1", "Set-Cookie: age=1; Path=/"))},
        shown="/a.jpg"),
    one("redirect to the gate", (INSIDE, Answer("", status=302, headers=("Location: /gate?to=/",))), pages={
        "/gate?to=/": "<p>Adults only</p><a href='/gate/yes?to=/'>Yes, enter</a>",
        "/gate/yes?to=/": PASSED}, shown="/a.jpg"),
    one("gate that a picture shows", "<a href=/p>p</a>", pages={
        "/p": "<img src=/a.jpg>", "/a.jpg": (
            Answer(file="/a.jpg", content_type="image/jpeg", when=COOKIE),
            Answer("<!doctype html><a href=/age/confirm>I am over 18</a>")),
        "/age/confirm": PASSED}, more="/a.jpg"),
    one("consent that covers the page", "<div class=cookie-wall><a href=/consent?accept=all>Accept all</a></div>"
        "<img src=/a.jpg>", pages={"/consent?accept=all": Answer("ok", headers=("Set-Cookie: consent=1",))}, shown="/a.jpg"),
    one("warning with a continue link", "<p>This thread may have spoilers.</p><a href=/t/1?nw=session>View anyway</a>",
        pages={"/t/1?nw=session": "<img src=/a.jpg>"}, shown="/a.jpg"),
    one("page before a download", "<html><head><meta http-equiv=refresh content='0;url=/get/a.jpg'></head>"
        "<body>Your download starts soon</body></html>", shown="/get/a.jpg"),
)  # fmt: skip
