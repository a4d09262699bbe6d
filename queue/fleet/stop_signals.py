"""Sets an event when a signal comes, whatever the main thread does with the event at that moment."""

from __future__ import annotations

import threading


def tell(stop: threading.Event) -> None:
    """Set an event from the handler of a signal.

    A handler runs in the main thread, between two of its steps, and `Event.set` takes the event's lock. Where the main
    thread was about to wait for the event it holds that lock, and would wait for itself for ever. So another thread
    sets the event, as soon as the main thread goes on.
    """
    threading.Thread(target=stop.set, name="stop", daemon=True).start()
