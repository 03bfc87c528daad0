"""What the user types and reads."""

import gc

# starting up makes many objects and no garbage; looking for some at every 700 of them costs a twentieth of a short command
gc.set_threshold(50_000, 20, 20)
