"""One value in a configuration file: bare or quoted words, with commas between those of a list."""

from __future__ import annotations

from dvx.errors import ConfigError

Value = str | tuple[str, ...]
QUOTES = "\"'"
_EDGE = " \t\r\n\v\"'"


def read_value(text: str) -> tuple[Value, str]:
    """The value at the beginning of `text`, and the comment after it; commas outside of quotes make it a tuple.

    Raises:
        ValueError: the quotes do not match, or a word between commas is empty. The message never holds the value.
    """
    if text[:1] == "," and text[1:].lstrip()[:1] in ("", "#"):
        return (), text[1:].lstrip()
    words: list[str] = []
    comma = False
    while text and text[0] != "#":
        word, text = _word(text)
        if text[:1] == ",":
            comma = True
            text = text[1:].lstrip()
        words.append(word)
    return (tuple(words) if comma else words[0] if words else ""), text


def _word(text: str) -> tuple[str, str]:
    if text[0] in QUOTES:
        end = closing(text, text[0], ",#")
        if end < 0:
            raise ValueError("has quotes that do not match")
        return text[1:end], text[end + 1 :].lstrip()
    end = min([position for position in (text.find(","), text.find("#")) if position >= 0], default=len(text))
    if end == 0:
        raise ValueError("has an empty word between two commas")
    return text[:end].rstrip(), text[end:]


def closing(text: str, quote: str, after: str) -> int:
    """Where the quote that opens `text` is closed; -1 if nowhere.

    That is the first one before the end or a character of `after`; before that character only, if it is `]`.
    """
    end = text.find(quote, 1)
    while end >= 0:
        follower = text[end + 1 :].lstrip()[:1]
        if follower in after if follower else after != "]":
            return end
        end = text.find(quote, end + 1)
    return -1


def closing_three(line: str, quote: str) -> int:
    """Where the three quotes are that end a text in `line`: nothing but a comment may follow; -1 if nowhere."""
    end = line.find(quote)
    while end >= 0 and line[end + 3 :].lstrip()[:1] not in ("", "#"):
        end = line.find(quote, end + 1)
    return end


def unquoted(text: str) -> str:
    """`text` without the quotes around it, if there are."""
    return text[1:-1] if len(text) > 1 and text[0] in QUOTES and text[-1] == text[0] else text


def written(value: Value) -> str:
    """A value as the file has it.

    Raises:
        ConfigError: it mixes quotes in a way that the format cannot express.
    """
    if isinstance(value, tuple):
        return ", ".join(map(quoted, value)) + ("," if len(value) < 2 else "")
    if "\n" in value or ('"' in value and "'" in value):
        quote = "'''" if '"""' not in value else '"""'
        if '"""' in value and "'''" in value:
            raise ConfigError("a value with both kinds of triple quotes cannot be written")
        return f"{quote}{value}{quote}"
    return quoted(value)


def quoted(text: str) -> str:
    """A word as the file has it: in quotes where it would be read as something else."""
    if text and text[0] not in _EDGE and text[-1] not in _EDGE and "," not in text and "#" not in text:
        return text
    if '"' not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    raise ConfigError("a word with both kinds of quotes cannot be written")
