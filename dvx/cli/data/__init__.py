"""Commands on tracked data: init, add, commit, checkout, status, diff, ls, move, remove and their like."""
