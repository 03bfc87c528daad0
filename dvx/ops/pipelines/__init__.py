"""Running pipelines: which stages must run, in which order, and what becomes of their commands.

In come targets; out go runs, their records and changed locks. Start at `repro.repro`; `decisions` says what must happen to a
stage, `stage_worker` does it, `run_record` writes it down.
"""
