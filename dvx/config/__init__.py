"""Configuration: defaults <- system <- global <- project <- local <- environment. The only reader of the environment."""

from dvx.config.configuration import Config, RemoteSettings, cache_place, is_harmless
from dvx.config.places import dialect_at, environment, find_root

__all__ = ["Config", "RemoteSettings", "cache_place", "dialect_at", "environment", "find_root", "is_harmless"]
