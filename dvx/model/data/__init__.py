"""Changes between two states of tracked data, and what a repository holds, as values: `changes` and `listing`."""
