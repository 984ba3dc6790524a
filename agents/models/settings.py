"""Which language model, and how far it may go."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

# The extras of ours that bring a provider's package, and the variable that its client reads the key from.
EXTRAS = ("anthropic", "openai", "ollama")


class ModelSettings(BaseModel):
    """Settings of the model behind the agents.

    Attributes:
        name: the provider, a colon and the model, such as `anthropic:claude-sonnet-4-5`, as `init_chat_model` takes it.
        seconds: longest time of one call.
        attempts: how often a call is tried that fails for a passing reason.
        tokens: most tokens, read and written, of one run.
        summaries_only: no cell leaves: names of columns, counts and metrics do.
        base_url: address of a server that speaks the provider's protocol; None: the provider's own.
        api_key: None: the provider's own environment variable.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    seconds: float = Field(60, gt=0)
    attempts: int = Field(3, ge=1, le=10)
    tokens: int = Field(200_000, ge=1)
    summaries_only: bool = False
    base_url: str | None = None
    api_key: SecretStr | None = None

    @field_validator("name")
    @classmethod
    def _has_a_provider(cls, name: str) -> str:
        provider, colon, model = name.partition(":")
        if not (provider and colon and model):
            raise ValueError("write the provider, a colon and the model, such as 'anthropic:claude-sonnet-4-5'")
        return name

    @property
    def provider(self) -> str:
        """The provider, as LangChain names it."""
        return self.name.partition(":")[0].replace("-", "_").lower()

    @property
    def model(self) -> str:
        """The model, as its provider names it."""
        return self.name.partition(":")[2]

    @property
    def structured_by(self) -> str:
        """How the provider is best made to answer in a form.

        Ollama constrains what is written, and does not force a tool; strict JSON schemas of others have no place for
        free-form arguments.
        """
        return "json_schema" if self.provider == "ollama" else "function_calling"

    def client_options(self) -> dict[str, Any]:
        """Return the options of the provider's client: no retries of its own, and the same limit of time as ours."""
        if self.provider == "ollama":
            options: dict[str, Any] = {"client_kwargs": {"timeout": self.seconds}}
        else:
            options = {"timeout": self.seconds, "max_retries": 0}
        if self.base_url is not None:
            options["base_url"] = self.base_url
        if self.api_key is not None:
            options["api_key"] = self.api_key.get_secret_value()
        return options
