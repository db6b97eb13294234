"""The command line: `gntp-logging demo`, `send`, `listen`, `history`, `service` and `check`.

It may import everything; nothing imports it.
Open `cli` first: it finds the module of a command, each of which has `add_parser` and a function to run.
"""
