"""An address opens one sink; its secret is where SINK_SECRETS says, and is in no word about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.settings import load
from orbweaver.takedown.delivery.sinks.opening import names_of, open_sinks
from orbweaver.takedown.errors import SinkRefused

SECRET = "whsec_" + "c2VjcmV0" * 6
WEBHOOK = "webhook+https://engine.example:8443/hook"


@pytest.mark.parametrize("address", ["", "jsonl", "jsonl:", "webhook:https://x", "/path", "kafka+tls://u:secret@h/"])
def test_an_address_of_no_sink_is_refused(address: str) -> None:
    with pytest.raises(SinkRefused, match="known are jsonl:DIR, webhook") as caught:
        open_sinks([address])
    assert "secret" not in str(caught.value)


def test_a_sink_keeps_its_name_wherever_the_process_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [sink] = open_sinks(["jsonl:events"])
    assert [sink.name] == [f"jsonl:{tmp_path}/events"] == list(names_of(["jsonl:events"]))


@pytest.mark.parametrize("sink", ["engine.example:8443", "engine.example:8443/hook"])
@pytest.mark.parametrize("source", ["env", "file"])
def test_a_secret_is_read_where_the_settings_say(
    sink: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    monkeypatch.setenv("ENGINE", SECRET)
    place = {"env": "env:ENGINE", "file": f"file:{tmp_path}/secret"}[source]
    monkeypatch.setenv("SINK_SECRETS", f"other.example=env:NOWHERE  {sink}={place}")
    [opened] = open_sinks([WEBHOOK])
    assert opened.name == WEBHOOK


def test_the_whole_place_of_a_sink_goes_before_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOD", SECRET)
    monkeypatch.setenv("SINK_SECRETS", "engine.example:8443=env:NOWHERE engine.example:8443/hook=env:GOOD")
    open_sinks([WEBHOOK])
    with pytest.raises(SinkRefused, match="NOWHERE is not set"):
        open_sinks([WEBHOOK + "/other"])


REFUSED = [
    ("", "has no secret: set SINK_SECRETS to engine.example:8443="),
    (f"engine.example:8443={SECRET}", "an entry that is not"),
    (f"file:{SECRET}", "an entry that is not"),
    ("engine.example:8443=env:NOWHERE", "NOWHERE is not set"),
    ("engine.example:8443=file:/not/there", "/not/there cannot be read"),
    ("engine.example:8443=env:SHORT", "the base64 of 24 bytes"),
    ("engine.example:8443=env:NO_BASE64", "the base64 of 24 bytes"),
    ("engine.example:8443=env:THREE", "more than 2 secrets"),
]


@pytest.mark.parametrize(("written", "said"), REFUSED)
def test_a_secret_of_no_use_is_refused_and_not_quoted(written: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"SHORT": "whsec_" + "c2VjcmV0" * 2, "NO_BASE64": SECRET + "!", "THREE": f"{SECRET} {SECRET}\n{SECRET}"}
    for name, value in {**secrets, "SINK_SECRETS": written}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SinkRefused, match=said) as caught:
        open_sinks([WEBHOOK])
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["stream+redis://r.example:1/0?stream=s", "rq+redis://r.example:1/0?queue=q&function=a.b"]
)
def test_a_password_is_one_word(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "two words")
    monkeypatch.setenv("SINK_SECRETS", "r.example:1=env:PASSWORD")
    with pytest.raises(SinkRefused, match="several words") as caught:
        open_sinks([kind])
    assert "two" not in str(caught.value)


def test_what_is_in_force_has_names_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", SECRET)
    monkeypatch.setenv("SINK_SECRETS", "engine.example:8443=env:ENGINE")
    monkeypatch.setenv("TAKEDOWN_SINKS", f"{WEBHOOK} rq+redis://r.example/0?queue=q&function=a.b")
    described = in_force.described(load(), list(QueueName))
    assert json.loads(described["takedown_sinks"]) == sorted(names_of(load().takedown_sinks))
    assert "ENGINE" not in str(described)
    assert SECRET not in str(described) + repr(load())


def test_to_read_names_imports_no_library_of_a_sink() -> None:
    # Recrawl workers compare names, and each fork of theirs would carry the libraries.
    script = (
        "import sys; from orbweaver.takedown.delivery.sinks.opening import names_of;"
        f"names_of(['{WEBHOOK}', 'rq+redis://r/0?queue=q&function=a.b', 'stream+redis://r/0?stream=s']);"
        "print(sorted({'requests', 'standardwebhooks', 'rq', 'urllib3'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert (said.stdout.strip(), said.stderr) == ("[]", "")
