"""Notifier: tells people, by every way in which they can be reached, and records each attempt before it is made."""
