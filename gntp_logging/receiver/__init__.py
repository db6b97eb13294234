"""A small GNTP server: shows what arrives, on machines without any Growl."""
