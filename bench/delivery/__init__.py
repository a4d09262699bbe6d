"""How fast cases are raised and events delivered, and how long a file takes to the takedown engine."""
