"""The options of a handler, checked: types, ranges, the server, and the names of options in each error.

It may import `alerts` and `gntp`, but not the handler: what is above the handler is in `configuration`.
Open `handler_options` first; `checks` has the types and ranges that it is made of, `errors` what each failure is.
"""
