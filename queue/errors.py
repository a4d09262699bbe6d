"""The errors of the WHEN folder.

QueueError
├── AccessUnreadable     a file with an access profile cannot be read, or has a value that cannot be used
├── AuthorityMissing     what was asked for needs a named authority
├── HostKeptBack         a visit is asked for that would not be made: the host is paused, or its authority is over
├── HostUnreadable       the record of a host cannot be read, or is one of a later release
├── HostUnknown          a host is named that is not revisited
├── JobNotParked         a job is to be discarded that is not parked
├── LimitTooLow          a limit of the machine keeps a recrawl worker from its work
├── NotInForce           this worker's services, sinks or settings are not those in force on its store
├── RefusedJob           a job in the store is not one that we enqueue: it is not run
├── ReportsUnreadable    a reports file as a whole cannot be read; single bad lines never raise
├── ScheduleRefused      a number of the schedule, or its policy, is one that cannot be used (also a ValueError)
├── StoreBusy            another verification run works on the same store
├── TooManyReports       more reports are handed in at once than are read: hand them in in parts
├── WorkerNameTaken      a worker is to start under the name of one that is alive
├── WorkersDied          the workers of a service die again and again
└── WorkersTooOld        a worker of an earlier release works on the same store

and in job_errors.py, which needs RQ:
├── JobTimeIsOver        a job takes longer than it may: it ends, and RQ does it again

and four that never leave the reading of a line or of a stored value:
BadFields                a line is no record of its file's format: it is named, and the next line is read
└── QuoteOpen            a quoted field does not end on its line: the next lines are looked at
NotCertain               no URL can be told with certainty from a text: its line is named
Unreadable               a stored sighting cannot be read: it is left out, and logged
"""

from __future__ import annotations


class QueueError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class AccessUnreadable(QueueError):
    """A file with an access profile is missing, no TOML, or has a key or value that cannot be used."""


class AuthorityMissing(QueueError):
    """An operator asked for something that needs the name of the person who allowed it."""


class HostKeptBack(QueueError):
    """An operator asked for a visit that would not be made; the message says why, and what ends that."""


class HostUnreadable(QueueError):
    """The stored record of a host is one of a later release, or none at all."""


class HostUnknown(QueueError):
    """A host is named that is not among those that are revisited."""


class JobNotParked(QueueError):
    """An operator wants to discard a job that waits, or that somebody works on, or that is not there."""


class LimitTooLow(QueueError):
    """A limit that the machine sets on this process is too low; the message names it and the mend."""


class NotInForce(QueueError):
    """A worker's matching services, sinks or settings are not those in force on its store, so it takes no job."""


class RefusedJob(QueueError):
    """A job in the store is not one that we enqueue; the message says why."""


class ReportsUnreadable(QueueError):
    """A reports file is missing, empty or of a format that cannot be read."""


class ScheduleRefused(QueueError, ValueError):
    """A number of the schedule cannot be used; the message says which, and what may be given."""


class StoreBusy(QueueError):
    """Another verification run works on the same store, or took it over while this one stood still."""


class TooManyReports(QueueError):
    """More reports are handed in at once than one request may have."""


class WorkerNameTaken(QueueError):
    """A worker is given the name of one that works on the same store, or was killed on another machine just now."""


class WorkersDied(QueueError):
    """The workers of a service died so often that it ends; the message says where their last words are."""


class WorkersTooOld(QueueError):
    """A worker of an earlier release works on the same store: it takes jobs whatever is in force."""


class BadFields(Exception):
    """A line is not a record of its file's format; the message is one clause."""


class QuoteOpen(BadFields):
    """A quoted field does not end on its line: it may go on in the next one."""


class NotCertain(ValueError):
    """No URL, or not with certainty, can be told from a text; the message says what was seen and what is accepted."""


class Unreadable(ValueError):
    """A stored value is not one that this release writes."""
