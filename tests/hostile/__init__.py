"""What hostile servers do, by subject; `hostile_server.HostileServer` serves one of these acts at a time."""
