"""A checkpoint is stamped by a real time-stamp authority, which openssl is here, and any other reply is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from orbweaver.takedown.audit import checkpoint_files, time_stamps
from orbweaver.takedown.errors import AuditUnusable

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
CONFIGURATION = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ordering = no
tsa_name = no
ess_cert_id_chain = no
"""
NOTE = "orbweaver/audit/test\n1\nAAAA\n\n— test c2ln\n"


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    (folder / "serial").write_text("01")
    (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"),
        *("-subj", "/CN=authority", "-addext", "extendedKeyUsage=critical,timeStamping"),
        *("-keyout", folder / "tsa.key", "-out", folder / "tsa.pem"),
    )
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[bytes], tuple[int, bytes]]], str]]:
    servers: list[HTTPServer] = []

    def begin(answer: Callable[[bytes], tuple[int, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def replying(authority: Path, folder: Path) -> Callable[[bytes], tuple[int, bytes]]:
    def answer(query: bytes) -> tuple[int, bytes]:
        (folder / "query").write_bytes(query)
        config = authority / "openssl.cnf"
        return 200, openssl("ts", "-reply", "-config", config, "-queryfile", folder / "query")

    return answer


def test_a_stamp_is_kept_beside_its_checkpoint_and_openssl_verifies_it(
    serve: Callable[..., str], authority: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "1.checkpoint"
    checkpoint.write_text(NOTE)
    url = serve(replying(authority, tmp_path))
    stamp = checkpoint_files.keep_stamp(checkpoint, url)
    assert stamp == tmp_path / "1.tsr"
    said = openssl("ts", "-verify", "-data", checkpoint, "-in", stamp, "-CAfile", authority / "tsa.pem")
    assert b"Verification: OK" in said
    assert checkpoint_files.keep_stamp(checkpoint, url) is None


def test_any_other_reply_is_refused(serve: Callable[..., str], authority: Path, tmp_path: Path) -> None:
    good = replying(authority, tmp_path)
    kept: list[bytes] = []
    time_stamps.stamp(NOTE, serve(lambda query: (200, kept.append(good(query)[1]) or kept[-1])))
    for answer, said in (
        (lambda _: (200, kept[0]), "is about something else"),  # of another question: its number is another
        (lambda _: (200, b"nonsense"), "cannot be read"),
        (lambda _: (200, b""), "cannot be read"),
        (lambda query: (200, good(query)[1][:-9]), "cannot be read"),
        (lambda query: good(query[:-20]), "refused|cannot be read|answered"),
        (lambda _: (302, b""), "answered 302"),
        (lambda _: (500, b""), "answered 500"),
        (lambda _: (200, bytes(time_stamps.MOST_REPLY_BYTES + 1)), "too long"),
    ):
        with pytest.raises(AuditUnusable, match=said):
            time_stamps.stamp(NOTE, serve(answer))
    with pytest.raises(AuditUnusable, match="does not answer"):
        time_stamps.stamp(NOTE, "http://127.0.0.1:9/")
