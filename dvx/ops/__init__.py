"""What dvx does: one function per command; returns values, prints nothing."""
