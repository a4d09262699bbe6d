"""Commands about the hosts that are revisited, their reports, their scopes and their schedule."""
