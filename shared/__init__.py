"""What the four services share: the decider, the contracts and the runtime. Imports no service."""
