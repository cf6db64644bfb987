"""The browser modules that need no page: run by Node, one process for all, asked by lines of JSON."""
