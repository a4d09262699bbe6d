"""Keeps the record, the clock and the last visits of each host; the clock changes together with its place in `due`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orbweaver.model import Moment, Noun
from orbweaver.queue.errors import HostUnreadable
from orbweaver.queue.hosts import due
from orbweaver.queue.hosts.due import Setting
from orbweaver.queue.hosts.host_clock import FIELDS, HostClock, packed, unpacked
from orbweaver.queue.hosts.host_record import HostRecord, read_record
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from pydantic import ValidationError

if TYPE_CHECKING:
    from redis.client import Pipeline

READ_AT_ONCE: Final = 500


class VisitRecord(Noun):
    """One visit of a host, as its history keeps it.

    `outcome` is one word; `reason` says why, for people. `cases` are known files, `new_cases`
    those that no visit had found before, `unknown` files that nobody could answer for yet. `asked_at` is the wish of
    an operator that it fulfilled. `is_slowed`: the host said meanwhile that it had too many requests (429, 503).
    """

    ended_at: Moment
    outcome: str
    reason: str | None = None
    pages: int = 0
    files: int = 0
    failures: int = 0
    skipped: int = 0
    bytes_read: int = 0
    cases: int = 0
    new_cases: int = 0
    unknown: int = 0
    seconds: float | None = None
    slices: int = 1
    recrawl_id: str | None = None
    run_id: str | None = None
    asked_at: Moment | None = None
    is_slowed: bool = False


@dataclass(frozen=True)
class KnownHost:
    """A host as the store has it; `record` is None when it cannot be read, and `unreadable` says why."""

    name: str
    clock: HostClock
    record: HostRecord | None
    unreadable: str | None = None


def read_record_of(store: Store, name: str) -> HostRecord | None:
    """Read the record of a host; None when the host is not revisited. Raises HostUnreadable."""
    stored = store.get(keys.host(name))
    return None if stored is None else read_record(name, stored)


def read_clock(store: Store, name: str) -> HostClock:
    """Read the clock of a host; that of a host without one has its defaults."""
    return unpacked(store.hgetall(keys.host_clock(name)))


def read_hosts(store: Store, names: Sequence[str]) -> list[KnownHost]:
    """Read records and clocks of hosts in one round trip, in order, without those that are not there."""
    with store.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.get(keys.host(name))
            pipe.hgetall(keys.host_clock(name))
        answers = pipe.execute()
    hosts = []
    for name, record, clock in zip(names, answers[::2], answers[1::2], strict=True):
        if record is None and not clock:
            continue
        try:
            read = None if record is None else read_record(name, record)
            unreadable = "its record is missing: add the host again" if record is None else None
        except HostUnreadable as error:
            read, unreadable = None, str(error)
        hosts.append(KnownHost(name, unpacked(clock), read, unreadable))
    return hosts


def clocks(store: Store, names: Sequence[str]) -> list[HostClock]:
    """Read the clocks of hosts in one round trip."""
    with store.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(keys.host_clock(name))
        return [unpacked(stored) for stored in pipe.execute()]


def some_names(store: Store, cursor: int = 0, *, count: int = READ_AT_ONCE) -> tuple[int, list[str]]:
    """Return some names of hosts and the cursor for the next ones, 0 after the last; a name may come twice (SCAN)."""
    following, found = store.scan(cursor, match=keys.host_clock("*"), count=count)
    prefix = len(keys.host_clock(""))
    return int(following), [text(key)[prefix:] for key in found]


def names(store: Store) -> list[str]:
    """Return the names of all hosts, sorted."""
    found: set[str] = set()
    cursor, some = some_names(store, count=10_000)
    found.update(some)
    while cursor:
        cursor, some = some_names(store, cursor, count=10_000)
        found.update(some)
    return sorted(found)


def names_after(store: Store, after: str, count: int, *, prefix: str = "") -> list[str]:
    """Return the next names that begin so, in the order of text; from the first on where `after` is empty."""
    least = f"({after}" if after else f"[{prefix}" if prefix else "-"
    found = store.execute_command("ZRANGEBYLEX", keys.hosts(), least, "+", "LIMIT", 0, count)
    return [name for name in map(text, found) if name.startswith(prefix)]


def require_names(store: Store) -> None:
    """Make the sorted set of names from the hosts of an older release, once; each new host comes with its name.

    Safe to do twice, and by several at once.
    """
    if store.zcard(keys.hosts()) < due.counts(store).hosts:
        sets = (keys.hosts(), keys.due(), keys.ready(), keys.leases())
        store.execute_command("ZUNIONSTORE", keys.hosts(), len(sets), *sets, "WEIGHTS", *[0] * len(sets))


def visits(store: Store, name: str) -> list[VisitRecord]:
    """Read the last visits of a host, the newest first; one that cannot be read is left out."""
    read = []
    for line in store.lrange(keys.host_visits(name), 0, -1):
        try:
            read.append(VisitRecord.model_validate_json(line))
        except ValidationError:
            continue
    return read


Change = Callable[[HostRecord | None, HostClock], tuple[HostRecord, HostClock, float | None]]


def change(store: Store, name: str, decide: Change) -> HostRecord:
    """Change a host, or add it: `decide` gives its new record, clock and due time from what is there now.

    A due time of None leaves the host where it is. A host that is under way stays so: its next due time is decided when
    its visit ends. `decide` is called again when somebody else writes meanwhile. Raises HostUnreadable.
    """
    script = due.setting_script(store)
    written: HostRecord | None = None

    def write(pipe: Pipeline) -> None:
        nonlocal written
        stored, before = pipe.get(keys.host(name)), unpacked(pipe.hgetall(keys.host_clock(name)))
        record = None if stored is None else read_record(name, stored)
        written, after, due_at = decide(record, before)
        pipe.multi()
        pipe.set(keys.host(name), written.model_dump_json(exclude_defaults=False))
        pipe.zadd(keys.hosts(), {name: 0})
        due.set_due(pipe, script, name, changed(before, after, due_at))

    store.transaction(write, keys.host(name), keys.host_clock(name))
    assert written is not None
    return written


def changed(before: HostClock, after: HostClock, due_at: float | None) -> Setting:
    """Return the setting that makes one clock of another: only what differs is written. Pure."""
    old, new = packed(before), packed(after)
    return Setting(
        due=due_at,
        fields={field: value for field, value in new.items() if old.get(field) != value} or _always(new),
        removed=[field for field in old if field not in new],
        wish=old.get(FIELDS["asked_at"], ""),
    )


def _always(new: Mapping[str, str]) -> dict[str, str]:
    # A host is found by the key of its clock, so its hash has one field at least.
    return {} if new else {FIELDS["visits"]: "0"}
