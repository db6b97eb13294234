"""Many hosts, many desktops: handlers publish to Redis Streams; relays count what is published, and show it.

It may import `alerts`, `delivery`, `gntp` and `options`; only `redis_streams` imports redis.
Open `relay` first: it counts, and runs a `desktop` for each desktop. `publisher` is the handlers' end,
`laptop` a relay that shows in its own process.
"""
