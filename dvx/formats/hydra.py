"""Configurations that Hydra composes from groups of files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from dvx.errors import ConfigError, DvxError
from dvx.model.experiments.override import Op, Override

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")
_WORDS = frozenset({"null", "true", "false", "nan", "inf"})


class HydraSource(Struct, frozen=True):
    """Where the files are: a `folder` (absolute) or else a Python `module`; `name` is the file to begin with, without suffix.

    `plugins` is a folder that Hydra looks for plugins in.
    """

    folder: str
    module: str
    name: str
    plugins: str


def compose(source: HydraSource, overrides: Sequence[Override]) -> str:
    """The composed configuration as YAML, as Hydra writes it.

    Raises:
        ConfigError: Hydra is not installed.
        DvxError: it cannot be composed; Hydra's own words say why.
    """
    try:
        from hydra import compose as compose_with
        from hydra import initialize_config_dir, initialize_config_module
        from hydra.core.plugins import Plugins
        from hydra.errors import HydraException
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
    except ImportError:
        raise ConfigError("`hydra.enabled` needs Hydra", "run `pip install 'dvx-vc[hydra]'`, or set it to `false`") from None
    import sys

    words = [as_hydra(one) for one in overrides]
    begin = initialize_config_dir if source.folder else initialize_config_module
    sys.path.append(source.plugins)
    try:
        Plugins.instance()
        with begin(source.folder or source.module, version_base=None):
            composed = compose_with(config_name=source.name, overrides=words)
        OmegaConf.resolve(composed)
        text = str(OmegaConf.to_yaml(composed))
    except (HydraException, OmegaConfBaseException) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DvxError(
            f"Hydra cannot compose `{source.name}`: {first}", "see `hydra.config_dir` and `hydra.config_name`"
        ) from None
    finally:
        sys.path.remove(source.plugins)
    return text


def as_hydra(one: Override) -> str:
    """An override in Hydra's grammar."""
    if one.op is Op.REMOVE:
        return f"~{one.name}"
    return f"{one.op.value}{one.name}={_value(one.value)}"


def _value(value: Any) -> str:
    if isinstance(value, str) and value and _PLAIN.issuperset(value) and value.lower() not in _WORDS and not value[0].isdigit():
        return value
    return json.dumps(value)
