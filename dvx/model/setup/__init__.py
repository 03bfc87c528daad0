"""Options of configuration files, their text, and what other tools are told, as values.

In come texts of INI files; out go `Settings` with the file and line of each. Start at `settings` and `options`.
"""
