"""The GNTP library: Growl Notification Transport Protocol 1.0, client and wire. Knows nothing of logging."""
