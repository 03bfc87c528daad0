"""What commits hold and where they differ, for whole histories at a time.

In come ids of commits and paths; out go files, versions and changes. Start at `trees`, `walking` and `kept`.
"""
