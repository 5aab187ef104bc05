"""Escalation: from the moment somebody may be in danger until a person has ended it."""
