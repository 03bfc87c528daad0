"""What the user types and reads."""

import gc

# starting up makes many objects and no garbage; looking for some at every 700 of them costs a twentieth of a short command.
# Only a command on many files makes more than this, and little garbage either
gc.set_threshold(500_000, 20, 20)
