"""What people see of one run, `verify` or `rematch`: its progress, its report and the files that it writes."""
