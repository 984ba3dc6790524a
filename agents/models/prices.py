"""What a call costs, by the price list that `genai-prices` carries; nothing is fetched."""

from __future__ import annotations

from .settings import ModelSettings
from .usage import Tokens

# LangChain's name of a provider, and that of the price list; others have no price that can be known from here.
_PROVIDERS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
    "groq": "groq",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "xai": "x-ai",
    "together": "together",
    "fireworks": "fireworks",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
}


def price(settings: ModelSettings, tokens: Tokens) -> float | None:
    """Return dollars, or None where the price is not known: a model that is not listed, or a server of one's own."""
    provider = _PROVIDERS.get(settings.provider)
    if provider is None or settings.base_url is not None or tokens.estimated:
        return None
    # Late: its list takes a while to load.
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=tokens.input, output_tokens=tokens.output, cache_read_tokens=tokens.cached)
    try:
        return float(calc_price(usage, settings.model, provider_id=provider).total_price)
    except (LookupError, ValueError):
        return None
