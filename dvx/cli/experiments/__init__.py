"""Commands on experiments and their queue: exp, queue; the table and page of `exp show`."""
