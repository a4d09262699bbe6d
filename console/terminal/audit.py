"""`orbweaver audit`: what it says, and the files that it writes."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from orbweaver.console import audit_verifying
from orbweaver.console.errors import OutputNotWritten
from orbweaver.console.terminal.cases import access
from orbweaver.console.text import count, safe
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from orbweaver.takedown.audit import checkpoint_files, checkpoints, pack
from orbweaver.takedown.audit.checkpoints import SigningKey
from orbweaver.takedown.errors import AuditUnusable
from typer import Exit

STANDARD_OUTPUT = Path("-")


def verify(settings: Settings, files: Sequence[Path], keys: Sequence[str], *, is_json: bool) -> None:
    """Print each fault of the log; raises Exit with status 1 when there is one, and AuditUnusable, StoreError."""
    with open_existing(settings) as store:
        found = audit_verifying.verify(store, settings, files, keys)
    if found.broken is not None:
        print(f"orbweaver: {found.broken}", file=sys.stderr)
    taken, changed = len(found.did.taken_away), len(found.did.forgotten.events)
    if is_json:
        faults = [{**dataclasses.asdict(one), "fault": one.fault.value} for one in found.faults]
        retention = {"taken_away": taken, "pseudonymised_events": changed}
        said_of_log = {"entries": found.size, "checkpoints": len(found.known), "retention": retention, "faults": faults}
        sys.stdout.write(json.dumps(said_of_log) + "\n")
    else:
        for one in found.faults:
            sys.stdout.write(f"{safe(one.words)}\n")
        if taken or changed:
            accesses = f"{taken:,} old {'record' if taken == 1 else 'records'} of accesses"
            sys.stdout.write(f"retention took {accesses} away, and pseudonymised {count(changed, 'event')}\n")
        compared = f"compared with {count(len(found.known), 'checkpoint')}, the newest of {_entries(found.proved)}"
        without = "compared with no checkpoint: what was sealed is only as safe as the store"
        said = "nothing was changed" if not found.faults else count(len(found.faults), "fault")
        sys.stdout.write(f"{_entries(found.size)}: {said}; {compared if found.known else without}\n")
    if found.faults:
        raise Exit(1)


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
    return audit_verifying.signing_key(settings, store)


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _write(out: Path, text: str) -> None:
    if out == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise OutputNotWritten(f"{out} cannot be written ({error.strerror})") from error
