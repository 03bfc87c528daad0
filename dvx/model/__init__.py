"""What things are: values and decisions, without I/O."""
