"""A small GNTP server: shows notifications on machines without a Growl, and hands them on to subscribers.

It trusts no peer: connections, memory and time are bounded for each. If a history is wanted, it keeps the alerts.
It may import `gntp`. Open `server` first: it reads a request, answers it, and gives it to the displays and the hub.
"""
