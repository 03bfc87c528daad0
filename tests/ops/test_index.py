"""The index of what is tracked: what overlaps with a path."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dvx.model.paths import overlap
from dvx.model.tracked.pointer import Output, Pointer, Recorded
from dvx.ops.tracked.index import Index

# names that sort on either side of a slash
_PATHS = st.lists(st.sampled_from(["a", "a-", "a0", "a.b", "b"]), min_size=1, max_size=3).map("/".join)


@given(st.lists(_PATHS, max_size=12), _PATHS)
def test_what_overlaps_is_found_without_looking_at_all(paths: list[str], path: str) -> None:
    pointers = {f"{n}.dvx": Pointer(f"{n}.dvx", ((Output(one), Recorded(one, None)),)) for n, one in enumerate(paths)}
    found = [(one.owner, one.output.path) for one in Index(pointers).overlapping(path)]
    assert sorted(found) == sorted((f"{n}.dvx", one) for n, one in enumerate(paths) if overlap(one, path))
