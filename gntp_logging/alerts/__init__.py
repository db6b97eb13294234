"""A record becomes an alert: what it says, how it looks, what it hides, and which fingerprint it has.

It does no I/O, holds no locks and starts no threads. All runs on the thread that logs, except what is done when an
alert is sent: `redact`, normalizing a fingerprint, and putting the line of context and the URL together.
It may import `gntp`. Open `alert` first: `AlertFactory.from_record` calls all the others.
"""
