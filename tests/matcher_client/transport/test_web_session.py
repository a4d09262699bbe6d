"""One question to one service: bounded, verified, never led elsewhere, and each failure said in a line of its own."""

from __future__ import annotations

import datetime
import functools
import logging
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fault_proxy
import pytest
from cryptography.hazmat.primitives import serialization
from fault_proxy import Exchange, Fault, FaultProxy, says
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.transport import bounded_connection, web_session
from orbweaver.matcher_client.transport.bounded_connection import usual_roots
from orbweaver.matcher_client.transport.service_address import ServiceAddress
from orbweaver.matcher_client.transport.web_session import WebSession
from orbweaver_command import eventually
from tls_host import Certificate, make_certificate

DIGEST = "0123456789abcdef" * 4
SECRET = "very-secret-token"
FINE = says(200, b'{"fine": true}')


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    with FaultProxy() as proxy:
        proxy.fault = FINE
        yield proxy


def address_of(server: FaultProxy, **options: object) -> ServiceAddress:
    url = f"http://127.0.0.1:{server.port}/api"
    return replace(ServiceAddress(name=url, base_url=url, canary=None, token=SECRET), **options)  # type: ignore[arg-type]


def failure(session: WebSession, path: str = "/x") -> str:
    """Return the error of a question: one line that names the service, and neither the secret nor the digest."""
    with pytest.raises(Unavailable) as caught:
        session.get(path, {"signal": DIGEST})
    said = str(caught.value)
    assert "\n" not in said
    assert DIGEST not in said
    assert SECRET not in said
    return said


# --- what is asked and answered ---


def test_a_question_carries_the_token_and_its_parameters(server: FaultProxy) -> None:
    session = WebSession(address_of(server))

    answer = session.get("/m/lookup", {"signal": DIGEST})

    assert (answer.status, answer.content_type, answer.json()) == (200, "application/json", {"fine": True})
    assert server.requests[0].path == f"/api/m/lookup?signal={DIGEST}"
    assert server.requests[0].headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"token": None, "username": "amy", "password": "pässword"}, "Basic YW15OnDDpHNzd29yZA=="),
        ({"token": "tökén €"}, "Bearer tökén €".encode().decode("latin-1")),
    ],
)
def test_a_secret_of_any_letters_is_sent_as_utf_8(server: FaultProxy, options: dict[str, object], header: str) -> None:
    WebSession(address_of(server, **options)).get("/")

    assert server.requests[0].headers["Authorization"] == header


def test_bodies_are_sent_whole_and_as_what_they_are(server: FaultProxy) -> None:
    session = WebSession(address_of(server))
    session.post_text("/check/md5", DIGEST[:32])
    session.post_json("/lookup", ["x" * 300_000])

    text, large = server.requests
    assert (text.body.decode(), text.headers["Content-Type"]) == (DIGEST[:32], "text/plain")
    assert (len(large.body), large.headers["Content-Type"]) == (300_004, "application/json")


def test_each_question_has_a_connection_of_its_own(server: FaultProxy) -> None:
    session = WebSession(address_of(server), connections=4)
    for _ in range(5):
        session.get("/")
    assert server.connections == 5
    assert {request.headers["Connection"] for request in server.requests} == {"close"}


def test_threads_have_no_more_connections_at_once_than_allowed(server: FaultProxy) -> None:
    together = threading.Barrier(2, timeout=300)
    under_way: list[int] = []

    def two_at_once(exchange: Exchange) -> None:
        under_way.append(1)
        together.wait()
        seen.append(len(under_way))
        together.wait()
        under_way.pop()
        FINE(exchange)

    seen: list[int] = []
    server.fault = two_at_once
    session = WebSession(address_of(server), connections=2)
    threads = [threading.Thread(target=session.get, args=("/",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [2] * 8


@pytest.mark.parametrize("informs", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Anything"])
def test_informational_answers_are_none(server: FaultProxy, informs: bytes) -> None:
    def inform(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 " + informs + b"\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n")
        FINE(exchange)

    server.fault = inform
    answer = WebSession(address_of(server)).get("/")

    assert (answer.status, answer.json()) == (200, {"fine": True})


def test_another_protocol_that_nobody_asked_for_is_a_status_and_no_answer(server: FaultProxy) -> None:
    server.fault = says(101)

    answer = WebSession(address_of(server)).get("/")

    assert (answer.status, answer.body) == (101, b"")


def test_neither_a_proxy_nor_a_netrc_of_the_environment_is_used(
    server: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login stranger password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with FaultProxy() as elsewhere:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        WebSession(address_of(server, token=None)).get("/")

        assert elsewhere.connections == 0
    assert "Authorization" not in server.requests[0].headers


def test_no_cookie_is_kept(server: FaultProxy) -> None:
    server.fault = says(200, b"{}", Set_Cookie="session=1; Path=/; Max-Age=3600")
    session = WebSession(address_of(server))
    for _ in range(3):
        session.get("/")

    assert not any("Cookie" in request.headers for request in server.requests)


# --- no second place ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused_and_the_other_gets_nothing(server: FaultProxy, status: int) -> None:
    with FaultProxy() as other:
        server.fault = says(status, Location=f"http://localhost:{other.port}/api?signal={DIGEST}")

        assert "redirects elsewhere" in failure(WebSession(address_of(server)))
        assert other.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["/elsewhere", f"http://{DIGEST[:40]}.example/{SECRET}", "http://[::1", "\t", ""])
def test_any_redirect_is_refused_without_saying_where_to(server: FaultProxy, location: str) -> None:
    server.fault = says(302, Location=location)

    assert failure(WebSession(address_of(server))).endswith(
        "redirects elsewhere, which is refused: put its real URL into MATCHER_URL"
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [300, 304])
def test_a_status_that_leads_nowhere_is_the_services_to_judge(server: FaultProxy, status: int) -> None:
    server.fault = says(status)

    assert WebSession(address_of(server)).get("/").status == status


def test_the_body_of_a_redirect_is_not_read(server: FaultProxy) -> None:
    headers = (("Location", "/elsewhere"), ("Content-Encoding", "gzip"))
    server.fault = lambda exchange: exchange.answer(fault_proxy.Reply(302, headers, fault_proxy.bomb()))

    with little_memory():
        assert "redirects" in failure(WebSession(address_of(server)))


# --- bounds ---


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(web_session, "ANSWER_SECONDS", 1.0)
    return 1.0


DRIPS = [
    fault_proxy.drip_headers,
    fault_proxy.drip_continues,
    fault_proxy.drip_hints,
    fault_proxy.drip_body,
    fault_proxy.drip_chunks,
]


@pytest.mark.parametrize("drip", DRIPS, ids=lambda drip: drip.__name__)
def test_a_drip_that_passes_every_read_timeout_ends_at_the_deadline(
    server: FaultProxy, drip: Fault, short_deadline: float
) -> None:
    server.fault = drip  # which never ends by itself
    began = time.monotonic()

    assert "too slow" in failure(WebSession(address_of(server)))
    assert time.monotonic() - began >= short_deadline


def test_a_drip_over_tls_ends_at_the_deadline(tmp_path: Path, short_deadline: float, authority: Certificate) -> None:
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        server.fault = fault_proxy.drip_body

        assert "too slow" in failure(WebSession(tls_address(server, tmp_path, authority)))


def test_silence_ends_after_the_read_timeout(server: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "READ_SECONDS", 0.2)
    monkeypatch.setattr(web_session, "TRIES_AGAIN", 1)
    is_over = threading.Event()

    def say_nothing(exchange: Exchange) -> None:
        is_over.wait(300)

    server.fault = say_nothing

    try:
        assert "too slow: it stopped sending" in failure(WebSession(address_of(server)))
        eventually(lambda: len(server.requests) == 2)
    finally:
        is_over.set()


def test_a_peer_that_reads_nothing_ends_at_the_deadline(short_deadline: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        session = WebSession(ServiceAddress(name=url, base_url=url, canary=None))

        with pytest.raises(Unavailable, match="too slow"):
            session.post_json("/", ["x" * 20_000_000])


def test_attempts_and_pauses_together_keep_the_deadline(server: FaultProxy, short_deadline: float) -> None:
    server.fault = says(503, Retry_After="10")

    assert "too slow" in failure(WebSession(address_of(server)))
    assert len(server.requests) <= 1  # there is no time left to try again


@contextmanager
def little_memory() -> Iterator[None]:
    """Fail when more memory than that of a few answers is held meanwhile, the server's part included."""
    fault_proxy.bomb()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 6 * web_session.ANSWER_BYTES
    finally:
        tracemalloc.stop()


ENDLESS = [fault_proxy.huge, fault_proxy.gzip_bomb, fault_proxy.endless_chunk_head]


@pytest.mark.parametrize("fault", ENDLESS, ids=lambda one: one.__name__)
def test_an_answer_without_end_is_dropped_in_little_memory(server: FaultProxy, fault: Fault) -> None:
    server.fault = fault
    with little_memory():
        said = failure(WebSession(address_of(server)))
    assert ("cut its answer" if fault is fault_proxy.endless_chunk_head else "answers with more than") in said


@pytest.mark.parametrize("fault", [fault_proxy.huge, fault_proxy.endless_chunk_head], ids=lambda one: one.__name__)
def test_a_failure_without_end_is_dropped_too(server: FaultProxy, fault: Fault) -> None:
    server.fault = lambda exchange: fault(AsTransient(exchange))
    with little_memory():
        failure(WebSession(address_of(server)))


class AsTransient(Exchange):
    """An exchange whose status is 503: urllib3 reads such a body to the end before it tries again."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(**vars(exchange))

    def send(self, data: bytes) -> None:
        super().send(data.replace(b"HTTP/1.1 200", b"HTTP/1.1 503", 1))


# --- tried again ---


class Then:
    """Answers of a fault first, so many times, then fine ones."""

    def __init__(self, fault: Fault, times: int) -> None:
        self.fault = fault
        self.left = times

    def __call__(self, exchange: Exchange) -> None:
        self.left -= 1
        (self.fault if self.left >= 0 else FINE)(exchange)


@pytest.mark.parametrize(
    "fault",
    [*(says(status) for status in (429, 500, 502, 503, 504)), fault_proxy.hang_up_at_once, fault_proxy.not_http],
)
@pytest.mark.parametrize("method", ["get", "post_text"])
def test_a_passing_failure_is_tried_again(server: FaultProxy, fault: Fault, method: str) -> None:
    server.fault = Then(fault, 3)
    session = WebSession(address_of(server))
    answer = session.get("/") if method == "get" else session.post_text("/", "x")

    assert answer.json() == {"fine": True}
    assert len(server.requests) == 4


def test_what_stays_is_the_services_to_judge(server: FaultProxy) -> None:
    server.fault = says(503, b"later")

    assert WebSession(address_of(server)).get("/").status == 503
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_status_that_will_not_change_is_not_tried_again(server: FaultProxy, status: int) -> None:
    server.fault = says(status)

    assert WebSession(address_of(server)).get("/").status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(server: FaultProxy, status: int) -> None:
    server.fault = Then(says(status, Retry_After="1"), 1)
    began = time.monotonic()

    assert WebSession(address_of(server)).get("/").status == 200
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("written", ["3600", "9" * 5_000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_long_retry_after_is_capped(server: FaultProxy, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setattr(web_session, "LONGEST_PAUSE_SECONDS", 1)
    server.fault = Then(says(429, Retry_After=written), 1)

    assert WebSession(address_of(server)).get("/").status == 200  # a longer pause would end at the deadline


@pytest.mark.parametrize("written", ["soon", "-1", "1e9", "Fri, 99 Foo 99999999999 99:99:99 GMT", "Mon, 1 Jan 0 0:0:0"])
def test_a_retry_after_that_is_no_time_is_none(server: FaultProxy, written: str) -> None:
    server.fault = Then(says(429, Retry_After=written), 2)

    assert WebSession(address_of(server)).get("/").status == 200


# --- answers that are none ---


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (fault_proxy.hang_up_at_once, "closed the connection, or sent what is not HTTP"),
        (fault_proxy.not_http, "closed the connection, or sent what is not HTTP"),
        (says(200, b"\x1f\x8bnot gzip at all", Content_Encoding="gzip"), "does not decode"),
    ],
)
def test_what_is_no_answer_is_said(server: FaultProxy, fault: Fault, said: str) -> None:
    server.fault = fault
    assert said in failure(WebSession(address_of(server)))


@pytest.mark.parametrize("fault", [fault_proxy.cut, fault_proxy.cut_chunked, fault_proxy.length_too_large])
def test_an_answer_that_is_cut_is_said(server: FaultProxy, fault: Fault) -> None:
    with FaultProxy(server.port) as between:
        between.fault = fault
        assert "cut its answer short" in failure(WebSession(address_of(between)))


@pytest.mark.parametrize("body", [b"<html>", b'{"fine": tr', b"", b"[" * 100_000, b"\xff\xfe", b"1" * 5_000])
def test_a_body_that_is_no_json_is_no_answer(server: FaultProxy, body: bytes) -> None:
    server.fault = says(200, body, "text/html; charset=utf-8")
    answer = WebSession(address_of(server)).get("/")

    with pytest.raises(Unavailable, match="is not JSON but text/html"):
        answer.json()


def test_a_refused_connection_is_said() -> None:
    with FaultProxy() as gone:
        address = address_of(gone)
    assert "connection refused" in failure(WebSession(address))


def test_a_name_that_does_not_resolve_is_said() -> None:
    url = "https://no-such-host.invalid"
    assert "does not resolve" in failure(WebSession(ServiceAddress(name=url, base_url=url, canary=None)))


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> Certificate:
    return make_certificate(is_authority=True)


def tls_server(
    folder: Path, certificate: Certificate, *, clients_of: Certificate | None = None, version: str = "TLSv1_3"
) -> FaultProxy:
    context = certificate.context(folder)
    context.maximum_version = ssl.TLSVersion[version]
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients_of.pem.decode())
    server = FaultProxy(context=context)
    server.fault = FINE
    return server


def tls_address(server: FaultProxy, folder: Path, roots: Certificate | None, **options: object) -> ServiceAddress:
    if roots is not None:
        (folder / "roots.pem").write_bytes(roots.pem)
        options["ca"] = folder / "roots.pem"
    url = f"https://127.0.0.1:{server.port}"
    return address_of(server, name=url, base_url=url, **options)


def test_a_certificate_of_the_named_authority_is_trusted(tmp_path: Path, authority: Certificate) -> None:
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        assert WebSession(tls_address(server, tmp_path, authority)).get("/").status == 200


def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent(
    tmp_path: Path, authority: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "roots.pem").write_bytes(authority.pem)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "roots.pem"))
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        said = failure(WebSession(tls_address(server, tmp_path, None)))

        assert "its TLS certificate does not verify (unable to get local issuer certificate" in said
        assert (server.requests, server.connections) == ([], 1)


def test_a_certificate_of_another_name_is_refused(tmp_path: Path, authority: Certificate) -> None:
    with tls_server(tmp_path, make_certificate("other.example", issuer=authority)) as server:
        said = failure(WebSession(tls_address(server, tmp_path, authority)))

        assert "does not verify (IP address mismatch" in said
        assert server.requests == []


def test_the_usual_roots_are_read_once_and_names_are_verified(
    tmp_path: Path, authority: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / "usual.pem"
    usual.write_bytes(authority.pem)
    monkeypatch.setattr(bounded_connection, "DEFAULT_CA_BUNDLE_PATH", str(usual))
    monkeypatch.setattr(bounded_connection, "usual_roots", functools.cache(usual_roots.__wrapped__))
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        session = WebSession(tls_address(server, tmp_path, None))
        assert session.get("/").status == 200
        usual.unlink()
        assert session.get("/").status == 200
    with tls_server(tmp_path, make_certificate("other.example", issuer=authority)) as server:
        assert "does not verify (IP address mismatch" in failure(WebSession(tls_address(server, tmp_path, None)))
        assert server.requests == []


def test_an_expired_certificate_is_refused(tmp_path: Path, authority: Certificate) -> None:
    old = make_certificate("127.0.0.1", issuer=authority, age=datetime.timedelta(days=30))
    with tls_server(tmp_path, old) as server:
        assert "does not verify (certificate has expired" in failure(
            WebSession(tls_address(server, tmp_path, authority))
        )
        assert server.requests == []


def test_a_server_without_tls_is_said(server: FaultProxy) -> None:
    url = f"https://127.0.0.1:{server.port}"
    assert "TLS failed" in failure(WebSession(address_of(server, name=url, base_url=url)))


@pytest.mark.parametrize("is_one_file", [True, False])
def test_a_client_certificate_is_shown(tmp_path: Path, authority: Certificate, is_one_file: bool) -> None:
    mine = make_certificate("worker.example", issuer=authority)
    mine.context(tmp_path)  # writes certificate and key into one file
    both = tmp_path / f"{mine.certificate.serial_number}.pem"
    shown: dict[str, object] = {"certificate": both} if is_one_file else {"certificate": both, "key": both}
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority), clients_of=authority) as server:
        assert WebSession(tls_address(server, tmp_path, authority, **shown)).get("/").status == 200


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_missing_client_certificate_is_said(tmp_path: Path, authority: Certificate, version: str) -> None:
    certificate = make_certificate("127.0.0.1", issuer=authority)
    with tls_server(tmp_path, certificate, clients_of=authority, version=version) as server:
        said = failure(WebSession(tls_address(server, tmp_path, authority)))

        assert "TLS failed" in said or "reset" in said or "closed the connection" in said
        assert server.requests == []


def test_an_encrypted_key_is_an_error_and_no_prompt(tmp_path: Path, authority: Certificate) -> None:
    mine = make_certificate("worker.example", issuer=authority)
    locked = mine.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"phrase"),
    )
    (tmp_path / "mine.pem").write_bytes(mine.pem + locked)
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        said = failure(WebSession(tls_address(server, tmp_path, authority, certificate=tmp_path / "mine.pem")))
    assert "check the files of ca=, certificate= and key=" in said


def test_a_ca_file_that_went_away_is_said(tmp_path: Path, authority: Certificate) -> None:
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        address = tls_address(server, tmp_path, authority)
        (tmp_path / "roots.pem").unlink()

        assert "a file that ca=, certificate= or key= names" in failure(WebSession(address))


def test_a_ca_file_that_is_none_is_said(tmp_path: Path, authority: Certificate) -> None:
    with tls_server(tmp_path, make_certificate("127.0.0.1", issuer=authority)) as server:
        address = tls_address(server, tmp_path, authority)
        (tmp_path / "roots.pem").write_text("not a certificate")

        assert "cannot be asked" in failure(WebSession(address))


# --- nothing that must not be told ---


def test_no_log_line_has_a_digest_or_the_secret(server: FaultProxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.fault = Then(fault_proxy.hang_up_at_once, 2)
    session = WebSession(address_of(server))
    session.get("/m/lookup", {"signal": DIGEST})
    server.fault = says(500)
    session.get("/m/lookup", {"signal": DIGEST})
    server.fault = lambda exchange: exchange.send(b"HTTP/1.1 200 OK\r\n: bad\r\nContent-Length: 0\r\n\r\n")
    session.get("/m/lookup", {"signal": DIGEST})

    assert DIGEST not in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(session)
    assert SECRET not in repr(vars(session))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("application/json; charset=utf-8", "application/json"),
        ("Text/HTML", "text/html"),
        (f"token/{SECRET}", "another content type"),
        (f"application/{DIGEST}", "another content type"),
        ("", "no content type"),
    ],
)
def test_of_content_types_the_well_known_are_shown_alone(server: FaultProxy, sent: str, shown: str) -> None:
    server.fault = says(200, b"{}", sent)

    assert WebSession(address_of(server)).get("/").kind == shown
