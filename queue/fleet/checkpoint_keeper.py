"""Writes a signed checkpoint of the audit log now and then: the scheduler's own files prove later what the log was."""

from __future__ import annotations

import logging
import time

from orbweaver.model import now
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, checkpoint_files
from orbweaver.takedown.errors import TakedownError
from redis.exceptions import RedisError

log = logging.getLogger("orbweaver.scheduler")
# The files are looked at so often, in seconds; what is due is written a little later for that.
LOOK_SECONDS = 60.0


class CheckpointKeeper:
    """Keeps checkpoints in the state directory, one every AUDIT_CHECKPOINT_EVERY in which the log has grown."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._looks_at = time.monotonic()
        self._said = ""

    def keep_if_due(self) -> None:
        """Write a checkpoint when one is due. What is in its way is logged once, and tried again at the next look."""
        if time.monotonic() < self._looks_at:
            return
        self._looks_at = time.monotonic() + LOOK_SECONDS
        folder = checkpoint_files.folder_in(self._settings.state_dir)
        every = self._settings.audit_checkpoint_every
        try:
            if checkpoint_files.is_due(folder, audit_log.size(self._store), every, now()):
                key = checkpoint_files.signing_key(self._settings.state_dir, self._settings.audit_key_file, self._store)
                kept = checkpoint_files.keep(folder, checkpoint_files.taken_now(self._store), key)
                if self._settings.audit_timestamp_url is not None:
                    checkpoint_files.keep_stamp(kept, self._settings.audit_timestamp_url)
        except (TakedownError, RedisError, OSError) as error:
            if str(error) != self._said:
                log.warning("no checkpoint of the audit log: %s", error)
            self._said = str(error)
        else:
            self._said = ""
