"""Commands about hash lists, and the server that answers from one."""
