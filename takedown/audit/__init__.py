"""The audit log: every change of a case and every access, chained by digests, so that nobody can change it unseen."""
