"""Common ways to write numbers with marks: dates, decimals, amounts, numbered items.

A slash may look like a 1, so a line that could be 20/1/20 could be 2011120 as
well.  Most numbers that have a 1 in just these places are dates.
"""

from __future__ import annotations

import re

_FORMS = (
    r"\d+",
    r"[-+#]?\d+",
    r"\d{1,3}([.,]\d{3})*([.,]\d{1,2})?(,?-{1,2}|=)?",  # an amount, such as 1.234,50 or 12,-
    r"[-+]?\d+[.,]\d+",
    r"\d{1,2}(?P<day>[/.-])\d{1,2}(?P=day)(\d{2}|\d{4})",  # a date, such as 12/07/24
    r"\d{4}(?P<year>[/.-])\d{2}(?P=year)\d{2}",
    r"\d{1,2}:\d{2}(:\d{2})?",
    r"\d+(-\d+)+",  # a telephone number, a range, a score
    r"\d+([-+=:]\d+)+=?",
    r"\(?\d+\)",
    r"#\d+#",
    r"\d+[-=]+",
    r"\d+([.,]\d+)?%",
)
_COMMON = re.compile("|".join(f"(?:{form})" for form in _FORMS))


_DATE = re.compile(
    r"(?P<first>\d{1,2})([/.-])(?P<second>\d{1,2})\2(\d{2}|\d{4})|\d{4}([/.-])(?P<month>\d\d)\5(?P<day>\d\d)"
)
_FRACTION = re.compile(r"\d{1,3}/\d{1,3}")
# Log odds of a form before the line is read, against a number without marks.  Of two digits at random, 31 and 12 % are
# days and months, and one in ten digits is a 1: about e**6 for a date, if one line in twenty is one.
DATE, FRACTION, UNCOMMON = 5.0, -1.5, -3.0
LAST_DAY, LAST_MONTH = 31, 12


def log_odds(text: str) -> float:
    """How likely a line is written in this way, in nats, before it is read."""
    if is_date(text):
        return DATE
    if _FRACTION.fullmatch(text):
        return FRACTION
    return 0.0 if is_common(text) else UNCOMMON


def is_date(text: str) -> bool:
    """Whether a text is a date: day and month in either order and a year, or year, month and day."""
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    one, other = found["first"] or found["day"], found["second"] or found["month"]
    low, high = sorted((int(one), int(other)))
    return 1 <= low <= LAST_MONTH and high <= LAST_DAY


def is_common(text: str) -> bool:
    """Whether a line of digits and marks is written like a common kind of number."""
    return _COMMON.fullmatch(text) is not None
