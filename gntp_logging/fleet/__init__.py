"""Many hosts, many desktops: handlers publish to Redis Streams, relays count what they find there, and show it.

It may import `alerts`, `delivery` and `gntp`; only `redis_streams` imports redis.
Open `relay` first: it counts, and runs a `desk` for each desktop. `publisher` is the handlers' end.
"""
