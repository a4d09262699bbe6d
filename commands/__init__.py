"""CALL: the commands of `orbweaver`, a module each; `--help` must not wait for what they import when called."""
