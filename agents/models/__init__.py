"""The language model behind the agents, where there is one: planning, digging deeper, interpreting.

Nothing here imports LangChain before a model is asked. Whatever goes wrong is a `ModelUnavailable`, upon which the
caller goes on without the model.
"""
