"""The name of every key that is ours, one constructor each; docs/store.md says type, owner and expiry."""

PREFIX = "orbweaver"


def run(run_id: str) -> str:
    """Hash of one verification run; owner queue.records.runs."""
    return f"{PREFIX}:run:{run_id}"


def run_recrawls(run_id: str) -> str:
    """List of the run's recrawl ids, in the order of its reports; owner queue.records.recrawls."""
    return f"{PREFIX}:run:{run_id}:recrawls"


def run_cases(run_id: str) -> str:
    """Set of the case ids that the run's sightings matched; owner queue.records.runs."""
    return f"{PREFIX}:run:{run_id}:cases"


def run_new_cases(run_id: str) -> str:
    """Set of the case ids that the run opened; owner queue.records.runs."""
    return f"{PREFIX}:run:{run_id}:new-cases"


def run_lock() -> str:
    """String: JSON of who holds the store for a run, for 15 s after its last sign; owner queue.runs.run_lock."""
    return f"{PREFIX}:turn"


def service_lock() -> str:
    """String: JSON of who serves the store, for 15 s after its last sign; owner queue.runs.run_lock."""
    return f"{PREFIX}:service"


def verifications() -> str:
    """Set of the run ids of verifications that are under way; owner queue.runs.living."""
    return f"{PREFIX}:verifications"


def verification(run_id: str) -> str:
    """String: JSON of who verifies, for 15 s after its last sign; owner queue.runs.living."""
    return f"{PREFIX}:verification:{run_id}"


def run_unknown(run_id: str) -> str:
    """Hash sighting id -> JSON [url, reason] of the run's sightings without an answer; owner queue.records.runs."""
    return f"{PREFIX}:run:{run_id}:unknown"


def run_batches(run_id: str) -> str:
    """Set of the run's batches that wait for their verdicts; owner queue.records.batches."""
    return f"{PREFIX}:run:{run_id}:batches"


def recrawl(recrawl_id: str) -> str:
    """Hash of one recrawl: order, state, tally, sandbox facts; owner queue.records.recrawls."""
    return f"{PREFIX}:recrawl:{recrawl_id}"


def recrawl_skips(recrawl_id: str) -> str:
    """List of JSON skips of one recrawl; owner queue.records.recrawls."""
    return f"{PREFIX}:recrawl:{recrawl_id}:skips"


def recrawl_reported(recrawl_id: str) -> str:
    """Hash reported URL -> JSON of what one recrawl saw of it; owner queue.records.recrawls."""
    return f"{PREFIX}:recrawl:{recrawl_id}:reported"


def recrawl_checkpoint(recrawl_id: str) -> str:
    """Hash: where a recrawl is that has not ended (`state`, and counts); owner queue.records.checkpoints."""
    return f"{PREFIX}:recrawl:{recrawl_id}:checkpoint"


def recrawl_met(recrawl_id: str) -> str:
    """List of hashes of the URLs that an unfinished recrawl has met; owner queue.records.checkpoints."""
    return f"{PREFIX}:recrawl:{recrawl_id}:met"


def batch(batch_id: str) -> str:
    """String, JSON: a run's sightings that wait for their verdicts; owner queue.records.batches."""
    return f"{PREFIX}:batch:{batch_id}"


def batches() -> str:
    """Set of all batch ids that wait for their verdicts; owner queue.records.batches."""
    return f"{PREFIX}:batches"


def batch_order() -> str:
    """Counter: the place of the last batch that was made, in the order of asking; owner queue.records.batches."""
    return f"{PREFIX}:batch-order"


def waiting_batches() -> str:
    """Sorted set of batch ids by their place, which wait until a service is healthy; owner queue.records.batches."""
    return f"{PREFIX}:waiting-batches"


def released_batches() -> str:
    """Sorted set of batch ids by their place, which wait for their next jobs only; owner queue.records.batches."""
    return f"{PREFIX}:released-batches"


def releases() -> str:
    """Counter of how often waiting batches were let go; owner queue.records.batches."""
    return f"{PREFIX}:releases"


def matchers() -> str:
    """Hash service name -> JSON of what its last check found; owner matcher_client.gate.service_health."""
    return f"{PREFIX}:matchers"


def matcher_entries() -> str:
    """Hash service name -> entries of its list when it was last healthy; owner matcher_client.gate.service_health."""
    return f"{PREFIX}:matcher-entries"


def verdict(list_id: str, sha256: str) -> str:
    """String, JSON: the verdict of a state of a service's list on one file; owner matcher_client.gate.verdict_cache."""
    return f"{PREFIX}:verdict:{list_id}:{sha256}"


def unanswered() -> str:
    """Hash sighting id -> JSON sighting whose verdict is unknown, to be asked again; owner queue.records.batches."""
    return f"{PREFIX}:unanswered"


def retained(shard: str) -> str:
    """Hash sighting id (16 bytes) -> packed sighting that no list knew; owner queue.records.retained."""
    return f"{PREFIX}:retained:{shard}"


def timed_round() -> str:
    """Hash of the last rematch by time: `began_at`, `place` (shards done); owner queue.matching.daily_rematch."""
    return f"{PREFIX}:timed-round"


def sweep(name: str) -> str:
    """Hash of a sweep (rematch, recall, forget): its token and counts; owner queue.records.sweeps."""
    return f"{PREFIX}:sweep:{name}"


def sweep_due(name: str) -> str:
    """Sorted set of what a sweep still has to do, by the second since 1970 from when; owner queue.records.sweeps."""
    return f"{PREFIX}:sweep:{name}:due"


def list_versions() -> str:
    """Hash of the list versions that answers are wanted of, and of those before; owner queue.records.list_versions."""
    return f"{PREFIX}:list-versions"


def in_force() -> str:
    """Hash setting -> JSON of what the last run declared for every worker; owner queue.records.in_force."""
    return f"{PREFIX}:in-force"


def case(case_id: str) -> str:
    """Hash of a case: `json`, `sequence` of its last event, `entries` and others; owner takedown.cases.case_store."""
    return f"{PREFIX}:case:{case_id}"


def case_events(case_id: str) -> str:
    """List of the case's event ids, oldest first; owner takedown.cases.case_store."""
    return f"{PREFIX}:case:{case_id}:events"


def cases() -> str:
    """Sorted set of all case ids by first sighting (seconds since 1970); owner takedown.cases.case_store."""
    return f"{PREFIX}:cases"


def recheck_hosts() -> str:
    """Sorted set of hosts by the second when the first of their cases is due; owner takedown.removal.recheck_times."""
    return f"{PREFIX}:recheck-hosts"


def recheck_cases(host: str) -> str:
    """Sorted set of the case ids of a host by the second when each is due; owner takedown.removal.recheck_times."""
    return f"{PREFIX}:recheck-cases:{host}"


def rechecks() -> str:
    """Set of hosts that have a re-check under way; owner queue.removal.under_way."""
    return f"{PREFIX}:rechecks"


def recheck(host: str) -> str:
    """String, JSON: the re-check of a host that is under way; owner queue.removal.under_way."""
    return f"{PREFIX}:recheck:{host}"


def recheck_terms(host: str) -> str:
    """String, JSON: on which terms a host with cases was recrawled; owner queue.removal.recheck_terms."""
    return f"{PREFIX}:recheck-terms:{host}"


def rechecks_entered() -> str:
    """String: how many older cases are entered for re-checks by now, or `all`; owner queue.removal.entering."""
    return f"{PREFIX}:rechecks-entered"


def recrawl_seen(recrawl_id: str) -> str:
    """Hash URL, or URL and digest -> JSON sighting that a re-check has found; owner queue.records.recheck_sightings."""
    return f"{PREFIX}:recrawl:{recrawl_id}:seen"


def returns(kind: str) -> str:
    """Hash host, provider or digest -> how often a file came back there; owner takedown.removal.returns."""
    return f"{PREFIX}:returns:{kind}"


def case_places() -> str:
    """Hash case id that a place has today -> id of its case, where they differ; owner takedown.cases.case_places."""
    return f"{PREFIX}:case-places"


def case_files() -> str:
    """Sorted set of "SHA-256:case id", a line for each case, in the order of text; owner takedown.cases.case_store."""
    return f"{PREFIX}:case-files"


def case_shelf(name: str) -> str:
    """Sorted set of the ids of cases that have something in common, by a time; owner takedown.cases.case_entries."""
    return f"{PREFIX}:case-shelf:{name}"


def case_shelf_names() -> str:
    """Hash shelf -> what people call a provider, country or list; owner takedown.cases.case_entries."""
    return f"{PREFIX}:case-shelf-names"


def case_texts() -> str:
    """Sorted set of "16 digits:case id", by which texts are found, as text; owner takedown.cases.case_entries."""
    return f"{PREFIX}:case-texts"


def held_cases() -> str:
    """Hash case id -> from what the cost of letting it wait follows; owner takedown.cases.case_entries."""
    return f"{PREFIX}:held-cases"


def cases_entered() -> str:
    """String: how many older cases are in the index by now, or `all`; owner takedown.cases.case_index."""
    return f"{PREFIX}:cases-entered"


def assessment(sha256: str) -> str:
    """Hash of what people decided about a file: `json`, `proposal`; owner takedown.assessments.assessment_store."""
    return f"{PREFIX}:assessment:{sha256}"


def assignment(sha256: str) -> str:
    """String, JSON: who works on a file now, for four hours; owner takedown.assessments.assignment."""
    return f"{PREFIX}:assignment:{sha256}"


def assessment_history(sha256: str) -> str:
    """List of all decisions about a file as JSON, oldest first; owner takedown.assessments.assessment_store."""
    return f"{PREFIX}:assessment:{sha256}:history"


def assessments() -> str:
    """Sorted set of assessed SHA-256 by time of the last decision; owner takedown.assessments.assessment_store."""
    return f"{PREFIX}:assessments"


def assessments_due() -> str:
    """Set of SHA-256 whose decision may not have reached all cases; owner takedown.assessments.assessment_store."""
    return f"{PREFIX}:assessments:due"


def event(event_id: str) -> str:
    """Hash of one event: `json`, and a field per sink that took it, with the time; owner takedown.cases.case_store."""
    return f"{PREFIX}:event:{event_id}"


def unsent() -> str:
    """Set of the ids of waiting events that no job has sent to their sinks yet; owner takedown.delivery.outbox."""
    return f"{PREFIX}:unsent"


def undelivered() -> str:
    """Hash event id -> run id of every event that waits for its delivery; owner takedown.delivery.outbox."""
    return f"{PREFIX}:undelivered"


def sinks() -> str:
    """Hash sink -> JSON of since when events go there and how it answers; owner takedown.delivery.sink_states."""
    return f"{PREFIX}:sinks"


def sink_waiting(sink: str) -> str:
    """Sorted set of event ids by the second since 1970 from when a sink gets them; owner takedown.delivery.lanes."""
    return f"{PREFIX}:sink:{sink}:waiting"


def sink_failures(sink: str) -> str:
    """Hash event id -> JSON of an event that a sink did not take, and why; owner takedown.delivery.lanes."""
    return f"{PREFIX}:sink:{sink}:failures"


def lane(sink: str, case_id: str) -> str:
    """String: the token of who delivers a case's events to a sink, for 60 s; owner takedown.delivery.lanes."""
    return f"{PREFIX}:lane:{sink}:{case_id}"


def first_delivered() -> str:
    """Hash case id -> when a sink first took an event of the case; owner takedown.delivery.progress."""
    return f"{PREFIX}:first-delivered"


def acknowledged() -> str:
    """Hash case id -> when the engine first acknowledged an event of it; owner takedown.delivery.progress."""
    return f"{PREFIX}:acknowledged"


def upkeep() -> str:
    """Hash: when workers last looked after what was left (`looked_at`, `retried_at`); owner queue.fleet.upkeep."""
    return f"{PREFIX}:upkeep"


def store_id() -> str:
    """String: the id of this store, made once, the `source` of its events; owner store.identity."""
    return f"{PREFIX}:store-id"


def disk_fence() -> str:
    """Counter written just before waiting for the disk; owner store.durability."""
    return f"{PREFIX}:disk-fence"


def address(ip: str) -> str:
    """Hash worker -> how many requests its recrawls may have under way at an address; owner queue.records.paces."""
    return f"{PREFIX}:address:{ip}"


def host_pace(host: str) -> str:
    """Hash of what a host asked for that has too many requests: until when, how slowly; owner queue.records.paces."""
    return f"{PREFIX}:pace:{host}"


def restoring() -> str:
    """String: since when a backup is being restored; nobody else uses the store; owner queue.runs.backups."""
    return f"{PREFIX}:restoring"


def host(name: str) -> str:
    """String, JSON: the record of a host that is revisited; owner queue.hosts.host_store."""
    return f"{PREFIX}:host:{name}"


def hosts() -> str:
    """Sorted set of the names of all hosts that are revisited, in the order of text; owner queue.hosts.host_store."""
    return f"{PREFIX}:hosts"


def host_changes(change_id: str) -> str:
    """String, JSON: what a person changed of hosts, and how they were before; owner queue.hosts.undoing."""
    return f"{PREFIX}:host-changes:{change_id}"


def host_clock(name: str) -> str:
    """Hash of short fields from which a host's due time is computed; owner queue.hosts.host_store."""
    return f"{PREFIX}:host-clock:{name}"


def host_visits(name: str) -> str:
    """List of JSON: the last visits of a host, the newest first; owner queue.hosts.host_store."""
    return f"{PREFIX}:host-visits:{name}"


def known_responses(kind: str, name: str) -> str:
    """String: what the last recrawl of a scope hands on to the next one; owner queue.records.known_responses."""
    return f"{PREFIX}:known-responses:{kind}:{name}"


def due() -> str:
    """Sorted set of hosts that wait, by the second since 1970 when they are due, +inf: never; owner queue.hosts.due."""
    return f"{PREFIX}:due"


def ready() -> str:
    """Sorted set of hosts that are due, by their deadline in seconds since 1970; owner queue.hosts.due."""
    return f"{PREFIX}:ready"


def leases() -> str:
    """Sorted set of hosts that somebody has, by the end of their lease in seconds since 1970; owner queue.hosts.due."""
    return f"{PREFIX}:leases"


def claims() -> str:
    """Hash host -> fence token of its lease, with the recrawl and the run behind it; owner queue.hosts.due."""
    return f"{PREFIX}:claims"


def last_fence() -> str:
    """Counter: the last fence token that was given out; owner queue.hosts.due."""
    return f"{PREFIX}:last-fence"


def visits_of_day(day: str) -> str:
    """Hash of one day (UTC, 2026-03-01): visits by outcome, requests, bytes; owner queue.hosts.due."""
    return f"{PREFIX}:visits-of-day:{day}"


def schedule() -> str:
    """Hash of how the budget is shared among the hosts, since the last count of them; owner queue.hosts.counting."""
    return f"{PREFIX}:schedule"


def priors() -> str:
    """Hash group of hosts -> what its hosts show of their rates, JSON [hits, days]; owner queue.hosts.counting."""
    return f"{PREFIX}:priors"


def budget() -> str:
    """Hash: what may be spent on visits now (`left`), and when that was (`at`); owner queue.hosts.spending."""
    return f"{PREFIX}:budget"


def scheduler() -> str:
    """String, JSON: which scheduler looked at the hosts last, and when; owner queue.hosts.scheduler_sign."""
    return f"{PREFIX}:scheduler"


def audit_waiting() -> str:
    """Stream of records of the audit log that are not sealed yet; owner takedown.audit.audit_log."""
    return f"{PREFIX}:audit:waiting"


def audit_entries() -> str:
    """Stream of the sealed entries of the audit log, the n-th with the id n-0; owner takedown.audit.audit_log."""
    return f"{PREFIX}:audit:entries"


def audit_digests() -> str:
    """List of the digests of the entries, 32 bytes each, in order; owner takedown.audit.audit_log."""
    return f"{PREFIX}:audit:digests"


def retention() -> str:
    """Hash of the round of retention: `began_at`, `place`, `step`, `clear_years`; owner takedown.retention.rounds."""
    return f"{PREFIX}:retention"


def pseudonym_keys() -> str:
    """Hash year -> the key of its pseudonyms, 64 hex digits; owner takedown.retention.pseudonym_keys."""
    return f"{PREFIX}:pseudonym-keys"


def accounts() -> str:
    """Hash name -> JSON of a person's account, with its password hash; owner console.web.accounts.account_store."""
    return f"{PREFIX}:accounts"


def one_time_codes() -> str:
    """Hash name -> secret and last step of the codes of an account; owner console.web.accounts.one_time_codes."""
    return f"{PREFIX}:one-time-codes"


def session(token_sha256: str) -> str:
    """Hash of who has signed in with a cookie, whose SHA-256 this is; owner console.web.accounts.sessions."""
    return f"{PREFIX}:session:{token_sha256}"


def failed_sign_ins(counted: str) -> str:
    """List of the moments of wrong passwords, of a name or an address; owner console.web.accounts.throttling."""
    return f"{PREFIX}:failed-sign-ins:{counted}"


def api_tokens() -> str:
    """Hash SHA-256 of a token -> JSON of the program that it is of; owner console.web.accounts.api_tokens."""
    return f"{PREFIX}:api-tokens"


def api_requests(token: str, minute: str) -> str:
    """Counter of the requests of a token in a minute of the day; owner console.web.api.token_guard."""
    return f"{PREFIX}:api-requests:{token}:{minute}"


def api_answer(token: str, key_sha256: str) -> str:
    """String: the deflated answer of a request with an Idempotency-Key; owner console.web.api.idempotency."""
    return f"{PREFIX}:api-answer:{token}:{key_sha256}"
