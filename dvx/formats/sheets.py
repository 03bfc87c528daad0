"""CSV and TSV files as rows, whose values stay texts."""

from __future__ import annotations

import csv
import io

from dvx.errors import FormatError
from dvx.formats.reading import decoded


def load_sheet(data: bytes, path: str, *, header: bool = True) -> list[dict[str, str | None]]:
    """The rows of a CSV file, or of a TSV file by its suffix. Without a `header` columns are called 0, 1...

    Raises:
        FormatError: it is no UTF-8 text, or no table.
    """
    text = decoded(data, path)
    separator = "\t" if path.endswith(".tsv") else ","
    names = None
    try:
        if not header:
            first = next(csv.reader(io.StringIO(text), delimiter=separator), [])
            names = [str(number) for number in range(len(first))]
        reader = csv.DictReader(io.StringIO(text), names, delimiter=separator)
        return [{key: value for key, value in row.items() if key is not None} for row in reader]
    except csv.Error as error:
        raise FormatError(f"`{path}` is no table: {error}") from None
