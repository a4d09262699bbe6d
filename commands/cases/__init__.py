"""Commands about cases, what is decided about them, and what is counted and proved of them."""
