"""Reads params.yaml with the standard library only.

It understands just what this project needs of YAML: `section:` lines, indented `key: value` lines and `#` comments. With PyYAML
installed it would be `yaml.safe_load(open("params.yaml"))`.
"""

import json


def load(path="params.yaml"):
    """The sections of the file: {"train": {"lr": 0.01}}."""
    sections = {}
    with open(path, encoding="utf-8") as file:
        for raw in file:
            line = raw.split("#")[0].rstrip()
            if not line:
                continue
            key, _, value = line.strip().partition(":")
            if line[0] != " ":
                current = sections.setdefault(key, {})
            else:
                current[key] = _value(value.strip())
    return sections


def _value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
