"""Find the digits of a number: divide the ink into pieces and decide which of them form a digit."""
