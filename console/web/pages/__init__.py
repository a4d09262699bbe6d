"""Answers a browser, a module for each page: reads the store, fills a template, and calls what the commands call."""
