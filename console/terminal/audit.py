"""`orbweaver audit`: what it says, and the files that it writes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from orbweaver.console.errors import OutputNotWritten
from orbweaver.console.terminal.cases import access
from orbweaver.console.text import count, safe
from orbweaver.model import now
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from orbweaver.takedown.audit import audit_log, checkpoint_files, checkpoints, pack, verification
from orbweaver.takedown.audit.checkpoints import LogCheckpoint, SigningKey, VerifierKey
from orbweaver.takedown.audit.faults import Fault, FoundFault
from orbweaver.takedown.audit.recorded_contents import WhatRetentionDid
from orbweaver.takedown.errors import AuditLogBroken, AuditUnusable
from typer import Exit

# A checkpoint is some hundred bytes, a pack some thousand a case.
MOST_CHECKPOINT_BYTES = 64 * 1024
STANDARD_OUTPUT = Path("-")


def verify(settings: Settings, files: Sequence[Path], keys: Sequence[str], *, is_json: bool) -> None:
    """Print each fault of the log; raises Exit with status 1 when there is one, and AuditUnusable, StoreError."""
    with open_existing(settings) as store:
        own = checkpoint_files.kept_in(checkpoint_files.folder_in(settings.state_dir))
        known, unusable = _checkpoints([*own, *files], keys, settings, store)
        size, done, found = _verified(store, known)
        if found:
            # Cases go on while they are read: what is found twice was not written in between.
            size, done, again = _verified(store, known)
            found = [one for one in again if one in found]
        findings = [*unusable, *found]
    taken, changed = len(done.taken_away), len(done.forgotten.events)
    if is_json:
        faults = [{**dataclasses.asdict(one), "fault": one.fault.value} for one in findings]
        retention = {"taken_away": taken, "pseudonymised_events": changed}
        said_of_log = {"entries": size, "checkpoints": len(known), "retention": retention, "faults": faults}
        sys.stdout.write(json.dumps(said_of_log) + "\n")
    else:
        for one in findings:
            sys.stdout.write(f"{safe(one.words)}\n")
        if taken or changed:
            accesses = f"{taken:,} old {'record' if taken == 1 else 'records'} of accesses"
            sys.stdout.write(f"retention took {accesses} away, and pseudonymised {count(changed, 'event')}\n")
        proved = max((one.size for one in known), default=0)
        compared = f"compared with {count(len(known), 'checkpoint')}, the newest of {_entries(proved)}"
        without = "compared with no checkpoint: what was sealed is only as safe as the store"
        said = "nothing was changed" if not findings else count(len(findings), "fault")
        sys.stdout.write(f"{_entries(size)}: {said}; {compared if known else without}\n")
    if findings:
        raise Exit(1)


def _verified(store: Store, known: Sequence[LogCheckpoint]) -> tuple[int, WhatRetentionDid, list[FoundFault]]:
    """Return how many entries the log has, what retention did to it, and its faults as they are now."""
    try:
        audit_log.seal(store)
    except AuditLogBroken as error:
        print(f"orbweaver: {error}", file=sys.stderr)
    digests = audit_log.digests(store)
    done = verification.what_retention_did(store, digests, now())
    origin = checkpoint_files.origin_of(store)
    return len(digests), done, list(verification.verify(store, origin, known, done, digests))


def checkpoint(settings: Settings, out: Path | None) -> None:
    """Sign the log as it is, and write or print that. Raises AuditUnusable, AuditLogBroken, StoreError."""
    with open_existing(settings) as store:
        key = _signing_key(settings, store)
        taken = checkpoint_files.taken_now(store)
    if out is None:
        path = checkpoint_files.keep(checkpoint_files.folder_in(settings.state_dir), taken, key)
        sys.stdout.write(f"{path}: {_entries(taken.size)}, signed by {key.verifier}\n")
        url = settings.audit_timestamp_url
        stamp = None if url is None else checkpoint_files.keep_stamp(path, url)
        if stamp is not None:
            sys.stdout.write(f"{stamp}: its time stamp\n")
    else:
        _write(out, key.sign(taken))


def show_key(settings: Settings) -> None:
    """Print the public key. Raises AuditUnusable, StoreError."""
    with open_existing(settings) as store:
        sys.stdout.write(f"{_signing_key(settings, store).verifier}\n")


def export(settings: Settings, case_id: str, out: Path) -> None:
    """Write the pack of a case. Raises AuditUnusable, AuditLogBroken, OutputNotWritten, StoreError."""
    with open_existing(settings) as store:
        access.note(store, "audit export", [case_id])
        made = pack.make(store, case_id, _signing_key(settings, store), checkpoint_files.origin_of(store))
    _write(out, json.dumps(made, indent=1) + "\n")


def verify_pack(file: Path, key: str) -> None:
    """Print what is wrong with a pack; raises Exit with status 1 for a fault, and AuditUnusable."""
    try:
        read = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise AuditUnusable(f"the pack {file} cannot be read: {error}") from error
    if not isinstance(read, dict):
        raise AuditUnusable(f"{file} is no pack of `orbweaver audit export`")
    faults = pack.faults_of(read, checkpoints.read_verifier(key))
    for fault in faults:
        sys.stdout.write(f"{safe(fault)}\n")
    if faults:
        raise Exit(1)
    sys.stdout.write(f"{file}: {count(len(read['events']), 'event')} of case {safe(read['case_id'])}, all proved\n")


def _signing_key(settings: Settings, store: Store) -> SigningKey:
    return checkpoint_files.signing_key(settings.state_dir, settings.audit_key_file, store)


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _checkpoints(
    files: Sequence[Path], keys: Sequence[str], settings: Settings, store: Store
) -> tuple[list[LogCheckpoint], list[FoundFault]]:
    """Read checkpoints; one that is damaged, or signed by somebody else, proves nothing and is a fault itself."""
    known, unusable = [], []
    if files:
        verifiers = [checkpoints.read_verifier(one) for one in keys] or [_signing_key(settings, store).verifier]
        for path in files:
            try:
                known.append(_opened(_note_in(path), verifiers))
            except AuditUnusable as error:
                unusable.append(FoundFault(Fault.CHECKPOINT, None, f"the checkpoint {path} proves nothing: {error}"))
    return known, unusable


def _opened(note: str, verifiers: Sequence[VerifierKey]) -> LogCheckpoint:
    """Return the checkpoint of a note that one of these keys has signed; raises AuditUnusable."""
    for key in verifiers[:-1]:
        with contextlib.suppress(AuditUnusable):
            return checkpoints.open_note(note, key)
    return checkpoints.open_note(note, verifiers[-1])


def _note_in(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_CHECKPOINT_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise AuditUnusable(f"it cannot be read ({type(error).__name__})") from error


def _write(out: Path, text: str) -> None:
    if out == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise OutputNotWritten(f"{out} cannot be written ({error.strerror})") from error
