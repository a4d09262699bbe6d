"""CALL: the commands of `orbweaver`, a module each; they import what they need when called, so `--help` is quick."""
