"""The export pack of one case: its events, their entries in the audit log, and the proof that a checkpoint covers them.

Whoever has the pack and the public key can check all of it with SHA-256 and Ed25519 alone; docs/audit.md is the format.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, chain, checkpoints, forgotten, merkle, records
from orbweaver.takedown.audit.checkpoints import LogCheckpoint, SigningKey, VerifierKey
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.errors import AuditUnusable

FORMAT: Final = "orbweaver-audit-pack/1"


def make(store: Store, case_id: str, key: SigningKey, origin: str) -> dict[str, Any]:
    """Return the pack of a case as values for JSON, with a checkpoint that is signed now.

    Raises AuditUnusable when there is no such case, or none of its events is in the audit log (it is of a release
    without one).
    """
    audit_log.seal(store)
    digests = audit_log.digests(store)
    checkpoint = LogCheckpoint(origin, len(digests), merkle.root_of(digests))
    event_ids = [text(one) for one in store.lrange(keys.case_events(case_id), 0, -1)]
    if not event_ids:
        raise AuditUnusable(f"there is no case {case_id}: `orbweaver cases list --json` has their ids")
    entries = [
        {
            "entry": entry.decode("ascii"),
            "path": [base64.b64encode(one).decode() for one in merkle.path_of(number - 1, digests)],
        }
        for number, entry in audit_log.entries(store)
        if number <= len(digests) and _is_about(entry, case_id)
    ]
    if not entries:
        raise AuditUnusable(f"no event of case {case_id} is in the audit log: it is older than the log")
    events = case_store.stored_events(store, event_ids)
    return {
        "format": FORMAT,
        "case_id": case_id,
        "public_key": str(key.verifier),
        "checkpoint": key.sign(checkpoint),
        "entries": entries,
        "events": [event.decode() for event in events if event is not None],
    }


def _is_about(entry: bytes, case_id: str) -> bool:
    if case_id.encode() not in entry:
        return False
    try:
        record = chain.read(entry).record
    except ValueError:
        return False
    return record.get("case_id") == case_id or case_id in record.get("subject", ())


def faults_of(pack: Mapping[str, Any], key: VerifierKey) -> list[str]:
    """Return what is wrong with a pack, in words; empty when all of it is proved. Raises AuditUnusable for no pack."""
    if pack.get("format") != FORMAT:
        raise AuditUnusable(f"this is no pack of the format {FORMAT}")
    try:
        note, entries, events = str(pack["checkpoint"]), list(pack["entries"]), list(pack["events"])
    except (KeyError, TypeError):
        raise AuditUnusable("the pack lacks its checkpoint, entries or events") from None
    try:
        checkpoint = checkpoints.open_note(note, key)
    except AuditUnusable as error:
        return [str(error)]
    faults = []
    read: list[tuple[int, Mapping[str, Any]]] = []
    for place, one in enumerate(entries, start=1):
        fault = _fault_of_entry(one, checkpoint)
        if fault is not None:
            faults.append(f"entry {place} of the pack: {fault}")
            continue
        number, _, record = chain.read(one["entry"].encode())
        if record.get("case_id") == pack.get("case_id"):
            read.append((number, record))
    if not any(record.get("kind") == records.EVENT for _, record in read):
        faults.append("the pack has no entry of an event of its case: it proves nothing")
    return faults + _faults_of_events(events, read)


def _fault_of_entry(one: Any, checkpoint: LogCheckpoint) -> str | None:
    try:
        entry, path = one["entry"].encode(), [base64.b64decode(beside, validate=True) for beside in one["path"]]
        number, previous, record = chain.read(entry)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, binascii.Error):
        return "it cannot be read"
    if chain.write(number, previous, record) != entry:
        return "it is not written as entries are, so that readers may take it for different things"
    root = merkle.root_by_path(number - 1, checkpoint.size, chain.digest_of(entry), path)
    return None if root == checkpoint.root else f"its path does not lead from entry {number} to the signed root"


def _faults_of_events(events: Sequence[Any], read: Sequence[tuple[int, Mapping[str, Any]]]) -> list[str]:
    """Return what is wrong with events beside their records, which come with the numbers of their entries.

    An event that retention has pseudonymised is as the newest record of that says, and can be nothing else.
    """
    faults = []
    left = {str(one.get("event_id")): (number, one) for number, one in read if one.get("kind") == records.EVENT}
    since = forgotten.read(read)
    are_recorded, before = False, 0
    for place, event in enumerate(events, start=1):
        stored = str(event).encode(errors="surrogatepass")
        event_id, sequence = _id_of(stored)
        if sequence is not None and sequence != before + 1:
            faults.append(f"event {place} of the pack has the number {sequence} in its case, and comes after {before}")
        before = place if sequence is None else sequence
        number, record = left.pop(event_id, (0, None))
        new = since.events.get(event_id)
        expected = None if record is None else record.get("event_sha256")
        if new is not None and new.number > number:
            if not forgotten.is_left_of(stored, record, new):
                faults.append(f"event {place} of the pack is not what retention leaves of one (entry {new.number})")
            expected = new.event_sha256
        if record is not None:
            are_recorded = True
        elif are_recorded:  # those before the first that is recorded are of a release without an audit log
            faults.append(f"event {place} of the pack is in no entry: it was changed or added")
        if expected is not None and hashlib.sha256(stored).hexdigest() != expected:
            faults.append(f"event {place} of the pack is not as it was recorded: it was changed")
    faults += [f"the event of entry {number} is not in the pack as it was recorded" for number, _ in left.values()]
    return faults


def _id_of(stored: bytes) -> tuple[str, int | None]:
    """Return the id of an event and its number in its case; of what is none an empty id and None."""
    try:
        event = json.loads(stored)
        return str(event["event_id"]), int(event["sequence"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", None
