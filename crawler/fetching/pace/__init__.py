"""The pace at which hosts are asked: in one recrawl, and shared with others at the same address."""
