"""dvx: data, pipelines and experiments, versioned in Git."""

__version__ = "0.1.0"
