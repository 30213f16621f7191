"""Random texts of digits and marks, as people write them on forms: numbers, dates, amounts, tasks, lists."""

from __future__ import annotations

import numpy as np

from mnist_classifier.recognition.numbers.line_reader import CLASSES

DIGITS, MARKS = CLASSES[:10], CLASSES[10:]
# Share of texts without marks, and how often they have 1 to 10 digits.
PLAIN_SHARE = 0.62
LENGTHS = {1: 0.1, 2: 0.15, 3: 0.17, 4: 0.17, 5: 0.15, 6: 0.1, 7: 0.07, 8: 0.05, 10: 0.04}
# `d` stands for any digit.
PATTERNS = (
    *("d/d/d", "dd/dd/dd", "d/dd/dd", "dd/d/dd", "dd/dd/dddd", "d/d", "dd/dd", "dd/ddd"),
    *("d,d", "d,dd", "dd,dd", "ddd,d", "ddd,dd", "d,ddd", "dd.dd", "d.ddd,dd", "d.d", "dd.dd.dd", "d.d.dd", "dd."),
    *("-d", "-dd", "d-d", "dd-dd-dd", "ddd-ddd", "ddd-dddd", "ddd-", "dd,-", "ddd,--"),
    *("#d", "#dd", "#ddd", "#ddd#", "(d)", "(dd)", "(ddd)", "d)", "dd)", "ddd)", "d(", "dd(d)"),
    *("d=", "dd=", "dddd=", "d+d=", "d+d=d", "dd+dd", "d-d=d", "d=d", "dd:dd", "d:dd", "d:d", "d%", "dd%"),
    *("?d", "d?", "dd?", "?dd", "d?d", "d?dd", "??", "?", "???dd"),
)
# Kinds of digits, with the probability of each: a text has mostly zeros, mostly ones, ones and sevens, one digit
# followed by zeros, or any digits.
ZEROS, ONES, ONES_AND_SEVENS, ROUND = 0.1, 0.08, 0.05, 0.07


def random_text(rng: np.random.Generator) -> str:
    """A text of 1 to 10 characters of CLASSES."""
    if rng.random() < PLAIN_SHARE:
        pattern = "d" * int(rng.choice(list(LENGTHS), p=list(LENGTHS.values())))
    else:
        pattern = PATTERNS[rng.integers(len(PATTERNS))]
    digits = iter(_digits(pattern.count("d"), rng))
    return "".join(next(digits) if character == "d" else character for character in pattern)


def _digits(count: int, rng: np.random.Generator) -> str:
    digits = rng.choice(list(DIGITS), count)
    kind = rng.random()
    if kind < ZEROS:
        digits[rng.random(count) < 0.7] = "0"
    elif kind < ZEROS + ONES:
        digits[rng.random(count) < 0.6] = "1"
    elif kind < ZEROS + ONES + ONES_AND_SEVENS:
        digits = rng.choice(["1", "7"], count)
    elif kind < ZEROS + ONES + ONES_AND_SEVENS + ROUND:
        digits[max(1, count - int(rng.integers(1, 5))) :] = "0"
    return "".join(digits)
