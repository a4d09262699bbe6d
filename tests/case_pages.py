"""Parts that tests of the pages of cases share: people who are signed in, and cases with texts of a hostile host."""

from __future__ import annotations

from typing import Any

from builders import NOON, a_sighting, transaction
from console_site import Browser
from orbweaver.console.web.accounts import sessions
from orbweaver.console.web.accounts.account import Account
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import Algorithm, Hosting, HttpFacts, Listing, Role, TlsFacts
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match

XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"`{{7*7}}"


def signed_in(store: Store, browser: Browser, *roles: Role, name: str = "anna") -> Browser:
    """Give a browser the session of a person, without the time that a password takes."""
    account = Account(name=name, roles=frozenset(roles), password_hash="none", changed_at=NOON, changes=0)
    store.hset(keys.accounts(), name, account.model_dump_json())
    browser.session.cookies.set("orbweaver-session", sessions.begin(store, account), domain="127.0.0.1", path="/")
    return browser


def a_case(
    store: Store,
    url: str = "http://files.example/a.jpg",
    *algorithms: Algorithm,
    body: bytes = b"known",
    hosting: Hosting | None = None,
    listing: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """Write a case of a file at a URL; weak evidence (md5) has it held. Returns its id."""
    sighting = a_sighting(body, url=url).model_copy(
        update={"host": url.split("/")[2], "ip": "203.0.113.7", "seen_at": case_store.stamp(store).at, **more}
    )
    said = {"service": "hashlist:test", "list": "list", "algorithms": algorithms or ("sha256",)} | (listing or {})
    verdict = judge(sighting.digests, [Listing(**said)], service="hashlist:test", asked_at=sighting.seen_at)
    change = change_by_match(sighting, verdict, None, case_store.stamp(store), hosting)
    with transaction(store) as pipe:
        case_store.write(pipe, change)
    return str(change.after.case.case_id)


def a_hostile_case(store: Store) -> str:
    """Write a held case that has a script in every text that comes from a host or a list."""
    return a_case(
        store,
        "http://evil.example/%3Cscript%3Ealert(1)%3C/script%3E?q='\"><script>alert(1)</script>",
        "md5",
        body=b"hostile",
        referrer="http://evil.example/'\"><script>alert(1)</script>",
        content_type=f"image/{XSS}",
        hosting=Hosting(country="SE", asn=64496, provider=XSS, route=XSS),
        listing={"list": XSS, "entry_id": XSS, "category": XSS, "scheme": XSS, "list_version": XSS, "service": XSS},
        http=HttpFacts(
            status=200,
            headers={"server": XSS, "content-disposition": XSS},
            archive_member=f"{XSS}.jpg",
            tls=TlsFacts(is_verified=False, reason=XSS),
        ),
        report_ids=(XSS,),
        software=XSS,
        sandbox=XSS,
    )


def audited(store: Store) -> list[str]:
    """All that the audit log has, oldest first."""
    audit_log.seal(store)
    return [entry.decode() for _, entry in audit_log.entries(store)]
