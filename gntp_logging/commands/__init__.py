"""The command line: `gntp-logging`, and a module for each of its commands.

It may import everything; nothing imports it.
Open `cli` first: it finds the module of a command, each of which has `add_parser` and a function to run.
"""
