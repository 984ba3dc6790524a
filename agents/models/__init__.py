"""The language model behind the agents, where there is one: planning, digging deeper, interpreting."""
