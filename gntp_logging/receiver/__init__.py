"""A small GNTP server: shows notifications on machines without a Growl, and hands them on to subscribers.

It trusts nobody: connections, memory and time are bounded for each peer. A history keeps alerts where one is wanted.
It may import `gntp`. Open `server` first: it reads a request, answers it, and gives it to the displays and the hub.
"""
