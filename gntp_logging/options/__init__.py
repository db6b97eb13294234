"""The options of a handler, checked: types, ranges, the server, and the names of options in each error.

It may import `alerts` and `gntp`, but not the handler: code that uses the handler is in `configuration`.
Open `handler_options` first. It uses the types and ranges in `checks`; `errors` has the error that every check raises.
"""
