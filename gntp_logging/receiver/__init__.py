"""A small GNTP server: shows what arrives, on machines without any Growl, and hands it on to others.

It keeps no alerts, and trusts nobody: what peers may take is bounded.
It may import `gntp`. Open `server` first: it reads a request, answers it, and gives it to the displays and the hub.
"""
