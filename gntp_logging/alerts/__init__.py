"""A record becomes an alert: what it says, how it looks, what it hides, and by what its repeats are known.

It does no I/O, holds no locks and starts no threads; what runs here runs on the thread that logs, but for `redact`.
It may import `gntp`. Open `alert` first: `AlertFactory.from_record` calls all the others.
"""
