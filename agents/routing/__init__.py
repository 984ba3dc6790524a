"""From words to actions with arguments, without a language model."""
