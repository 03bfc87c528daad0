"""docs/architecture.md shows the rooms as they are."""

from __future__ import annotations

import re

from tests.architecture import ROOMS
from tests.docs.rooms import PAGE, needs, page, picture
from tests.helpers import ROOT


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_picture_has_every_room_and_only_ties_that_exist() -> None:
    found, shown = needs(), re.findall(r"    (\w+) --> (\w+)", picture())
    assert {room for pair in shown for room in pair} == set(ROOMS)
    assert all(other in found[room] for room, other in shown)
    assert len(shown) < sum(map(len, found.values()))


def test_modules_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`((?:ops|model|cli|store|git|journal|formats)(?:\.[a-z_0-9]+)+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 20
    for name in named:
        place = ROOT.joinpath("dvx", *name.split("."))
        # the last word may be a function or class
        assert place.is_dir() or place.with_suffix(".py").exists() or place.parent.with_suffix(".py").exists(), name
