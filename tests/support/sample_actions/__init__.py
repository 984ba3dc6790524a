"""Actions that misbehave in known ways, for the tests of the corridor."""
