"""A fleet's worth of small hosts: how long they take, and what that costs, beside other crawlers."""
