"""Single stages: what they look like now, and records of what they made.

In comes a stage with what its lock says; out goes its observed state, an entry of the lock and of the run-cache. Start at
`observation.Observer` and `recording.record_run`; `editing` writes stages into pipeline files.
"""
