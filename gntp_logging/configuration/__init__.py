"""Handlers from files and from the environment. `gntp_logging.config` is its door.

It may import the handler and everything below it.
Open `logging_file` first: it reads a file, checks the tables of this package in it, and applies it.
"""
