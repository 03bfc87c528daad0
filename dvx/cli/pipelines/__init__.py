"""Commands on pipelines and their runs: stage, repro, dag, explain, runs."""
