"""What requests about one person look like: numbers to ring, code words, PINs."""

from __future__ import annotations

from re import fullmatch
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from services.checkin.api.models import Body


def _has_digits(number: SecretStr) -> SecretStr:
    if sum(one.isdigit() for one in number.get_secret_value()) < FEWEST_DIGITS or "\n" in number.get_secret_value():
        raise ValueError("a telephone number has three digits or more, in one line")
    return number


FEWEST_DIGITS = 3
"""Of a telephone number: an extension within a house, or 999."""

Number = Annotated[SecretStr, Field(max_length=60), AfterValidator(_has_digits)]
"""A telephone number as somebody would dial it."""

Word = Annotated[SecretStr, Field(min_length=1, max_length=200)]
"""A code word, or a sentence."""


def _is_pin(pin: SecretStr) -> SecretStr:
    if not fullmatch(r"[0-9]{4,12}", pin.get_secret_value()):
        raise ValueError("a PIN is 4 to 12 digits, from 0 to 9")
    return pin


NewPin = Annotated[SecretStr, AfterValidator(_is_pin)]
"""A PIN that somebody chooses."""

ShownPin = Annotated[SecretStr, Field(max_length=200)]
"""A PIN that may be wrong."""


class CurrentPinBody(Body):
    """The PIN so far, of whoever has PINs and is no administrator."""

    current_pin: ShownPin | None = None


class PhonesBody(CurrentPinBody):
    """Under which numbers a person is rung: both, as they are from now on."""

    mobile: Number | None = None
    home: Number | None = None


class CodeWordsBody(CurrentPinBody):
    """What is said on the telephone so that nobody else notices: all of it, as it is from now on."""

    challenge: Word | None = None
    all_well: Word | None = None
    duress: Word | None = None


class PinsBody(CurrentPinBody):
    """A PIN, and another one that says, unnoticed, that the person is under duress."""

    pin: NewPin
    duress_pin: NewPin
