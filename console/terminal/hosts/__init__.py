"""What people see of the hosts that are revisited, and what changes them."""
