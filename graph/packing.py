"""The request's messages under the agent's token budget."""
