"""Commands that look after stores and repositories: gc, fsck, du, migrate, trash, undo, doctor, destroy."""
