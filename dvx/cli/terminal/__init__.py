"""How values look on a terminal or page: colours, tables, units, progress, graphs; `screen` is the only way out."""
