"""The one door through which the file system is changed. All paths are absolute.

Names appear complete or not at all: bytes go to a temporary name first and are durable before the rename.
"""

from dvx.store.files.below import names_in, read_below, read_note, remove, remove_below, remove_tree
from dvx.store.files.copying import copy_bytes, copy_file, hardlink, reflink, symlink
from dvx.store.files.folders import files_in, walk_folders, walk_upward
from dvx.store.files.locking import locked
from dvx.store.files.modes import GROUP_FOLDER, NEW_EXECUTABLE, NEW_FILE, PROTECTED, is_for_group
from dvx.store.files.naming import (
    make_folder,
    make_group_folder,
    move,
    move_aside,
    move_new,
    remove_folder,
    rename,
    set_mode,
    set_time,
    touch,
)
from dvx.store.files.writing import (
    CHUNK,
    create_new,
    draft,
    empty,
    open_log,
    open_partial,
    read,
    write_all,
    write_atomic,
    write_new,
)

__all__ = [
    "CHUNK",
    "GROUP_FOLDER",
    "NEW_EXECUTABLE",
    "NEW_FILE",
    "PROTECTED",
    "copy_bytes",
    "copy_file",
    "create_new",
    "draft",
    "empty",
    "files_in",
    "hardlink",
    "is_for_group",
    "locked",
    "make_folder",
    "make_group_folder",
    "move",
    "move_aside",
    "move_new",
    "names_in",
    "open_log",
    "open_partial",
    "read",
    "read_below",
    "read_note",
    "reflink",
    "remove",
    "remove_below",
    "remove_folder",
    "remove_tree",
    "rename",
    "set_mode",
    "set_time",
    "symlink",
    "touch",
    "walk_folders",
    "walk_upward",
    "write_all",
    "write_atomic",
    "write_new",
]
