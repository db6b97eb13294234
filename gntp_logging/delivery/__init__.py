"""An alert becomes a notification that has arrived, or is counted: queue, repeats, digest, thread, process.

Nothing here logs, and nothing on the sending side imports when it runs.
It may import `alerts` and `gntp`. Open `worker` first: it takes an alert and says what became of it.
"""
