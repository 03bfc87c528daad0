"""How ruamel.yaml writes texts: as it does, but for characters that YAML 1.1 takes for ends of lines, which it would lose."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_TEXT = "tag:yaml.org,2002:str"


@cache
def representer() -> Any:
    """A representer for ruamel.yaml that writes a text with such a character in double quotes, where it is escaped."""
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        def represent_str(self, data: Any) -> Any:
            return self.represent_scalar(_TEXT, data, style='"') if _BREAKS.search(data) else super().represent_str(data)

    Representer.add_representer(str, Representer.represent_str)
    return Representer
