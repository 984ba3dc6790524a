"""Settings: `config.yaml` holds the defaults; a file of the user's and the environment override them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ..tools.errors import BadRequest, nearest

DEFAULTS = Path(__file__).resolve().parents[1] / "config.yaml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(_Section):
    """Where data may be read from."""

    roots: list[Path]
    connections: dict[str, SecretStr]
    private_addresses: bool
    max_file_mb: int | None = Field(gt=0)


class MemorySettings(_Section):
    """What is remembered, and which model reads it."""

    enabled: bool
    model: str = Field(min_length=1)
    dimensions: int = Field(ge=8, le=4000)


class AgentsSettings(_Section):
    """What agents may do, and what a run may use."""

    actions: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")], list[str]]
    approve: list[str]
    steps: int = Field(ge=2, le=200)
    seconds: float = Field(gt=0)
    keep_days: float = Field(gt=0)
    model_calls: int = Field(ge=0, le=100)
    model_tokens: int = Field(gt=0)
    model_seconds: float = Field(gt=0)
    model_attempts: int = Field(ge=1, le=20)
    model_base_url: str
    summaries_only: bool


class CacheSettings(_Section):
    """How long results are kept."""

    enabled: bool
    max_age_days: float = Field(gt=0)
    max_mb: float = Field(gt=0)


class LimitSettings(_Section):
    """What one call may use."""

    seconds: float = Field(gt=0)
    memory_mb: int | None = Field(ge=256)
    spill_mb: int = Field(ge=0)


class PrivacySettings(_Section):
    """What is hidden from clients."""

    mask_personal: bool


class AuthSettings(_Section):
    """Who may call over HTTP."""

    token: SecretStr
    tenant: str = Field(min_length=1, max_length=200)


class HttpSettings(_Section):
    """Where HTTP listens, and for whom."""

    host: str
    port: int = Field(ge=0, le=65535)
    allowed_hosts: list[str]
    allowed_origins: list[str]


class Settings(BaseSettings):
    """All settings, validated; build them with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="REFINERY_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    workspace: Path | None
    engine: Literal["duckdb"]
    database_url: SecretStr
    model: str
    agents: AgentsSettings
    data: DataSettings
    memory: MemorySettings
    cache: CacheSettings
    workers: int | None = Field(ge=1, le=256)
    limits: LimitSettings
    privacy: PrivacySettings
    auth: AuthSettings
    http: HttpSettings
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]

    @field_validator("model")
    @classmethod
    def _names_its_provider(cls, model: str) -> str:
        provider, colon, name = model.partition(":")
        if model and not (provider and colon and name):
            raise ValueError("write the provider, a colon and the model, such as 'anthropic:claude-sonnet-4-5'")
        return model

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over files, which arrive as init arguments."""
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """Read the defaults, then the user's file, then the environment.

    Args:
        file: YAML of the user's; None: the one that REFINERY_CONFIG names, if any.

    Raises:
        BadRequest: a file is missing or no YAML, or a key is unknown or has a wrong value; the message names it.
    """
    values = _read(DEFAULTS)
    named = os.environ.get("REFINERY_CONFIG")
    if file is None and named:
        file = Path(named)
    if file is not None:
        _merge(values, _read(file))
    _refuse_unknown_variables()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise BadRequest(_explain(error, file)) from None


def _refuse_unknown_variables() -> None:
    """Name a variable that sets nothing: a typing error would otherwise be passed over in silence."""
    for variable in os.environ:
        key = variable.removeprefix("REFINERY_").lower()
        if variable.startswith("REFINERY_") and key != "config" and key.split("__")[0] not in Settings.model_fields:
            match = nearest(key.replace("__", "."), _keys(_read(DEFAULTS)))
            meant = f"; did you mean REFINERY_{match.upper().replace('.', '__')}?" if match else ""
            raise BadRequest(f"the environment variable {variable} sets nothing{meant}")


def _read(file: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRequest(f"no settings file {str(file)!r}") from None
    except yaml.YAMLError as error:
        raise BadRequest(f"settings file {str(file)!r} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded or {}, dict):
        raise BadRequest(f"settings file {str(file)!r} must hold keys and values, as config.yaml does")
    return loaded or {}


def _merge(into: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict) and key not in {"connections", "actions"}:
            _merge(into[key], value)
        else:
            into[key] = value


def _explain(error: ValidationError, file: Path | None) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = _keys(_read(DEFAULTS))
            match = nearest(key, known)
            nested = f"; write it nested, {': {'.join(key.split('.'))}: …" + "}" * key.count(".")
            meant = nested if key in known else f"; did you mean {match!r}?" if match else ""
            lines.append(f"unknown setting {key!r}{meant}")
        else:
            lines.append(f"setting {key!r}: {problem['msg']}")
    where = f" (from {file} or the environment)" if file else " (from the environment, REFINERY_…)"
    return "; ".join(lines) + where


def _keys(values: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in values.items():
        keys.append(prefix + key)
        if isinstance(value, dict):
            keys += _keys(value, f"{prefix}{key}.")
    return keys
