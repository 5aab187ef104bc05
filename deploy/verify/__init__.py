"""Verify a log and its tree as a whole, or what was handed out of them. Reads, and changes nothing.

This is our own program judging our own log. Whoever wants another's word finds in docs/auditing.md how to get it.
"""

from deploy.verify.found import Broken, Found, UnverifiableError
from deploy.verify.installation import Target, verify_installation
from deploy.verify.paths import given_key, verify_path

__all__ = ["Broken", "Found", "Target", "UnverifiableError", "given_key", "verify_installation", "verify_path"]
