"""Verifiers that nobody here wrote, each behind the same function: what is shown goes in, what is wrong comes out.

Three of them judge everything: Go's own checksum database, tlog-scales, and pymerkle with OpenSSL for the signature.
The glue reads files and hands over bytes; every hash of the tree and every signature is judged by theirs.
"""

from tests.support.outside.merkle import pymerkle_and_openssl
from tests.support.outside.scales import tlog_scales
from tests.support.outside.shown import Receipt, Shown, Verifier
from tests.support.outside.sumdb import go_sumdb

__all__ = ["VERIFIERS", "Receipt", "Shown", "Verifier"]

VERIFIERS: tuple[Verifier, ...] = (go_sumdb, tlog_scales, pymerkle_and_openssl)
"""All of them: whatever one accepts, the others must."""
