"""Shows people one run, `verify` or `rematch`: its progress, its report and the files that it writes."""
