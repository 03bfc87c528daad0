"""How ruamel.yaml writes texts: as it does, but for characters that YAML 1.1 takes for ends of lines, which it would lose."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.representer import RoundTripRepresenter

_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_TEXT = "tag:yaml.org,2002:str"


class Representer(RoundTripRepresenter):
    """Writes a text with such a character in double quotes, where it is escaped; elsewhere readers fold it to a blank."""

    def represent_str(self, data: Any) -> Any:
        """The node of a text."""
        return self.represent_scalar(_TEXT, data, style='"') if _BREAKS.search(data) else super().represent_str(data)


Representer.add_representer(str, Representer.represent_str)
