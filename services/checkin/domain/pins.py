"""Decide what follows from a PIN that was shown: nothing, a refusal, or that the worker is under duress.

Which of the two was shown is found outside. Whatever the worker is answered must not say that it was the other one.
"""

from __future__ import annotations

from typing import assert_never

from shared.contracts.persons import Judged
from shared.decider import Rejected


def under_duress(judged: Judged) -> bool:
    """Say whether the worker signals duress. Raises Rejected where a PIN is wanted and neither of the two was shown."""
    match judged:
        case "none_set" | "right":
            return False
        case "duress":
            return True
        case "missing":
            raise Rejected("pin_needed")
        case "wrong":
            raise Rejected("wrong_pin")
        case _:
            assert_never(judged)
