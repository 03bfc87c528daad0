"""What stores hold, what may go from them, what is wrong, and what commands did, as values."""
