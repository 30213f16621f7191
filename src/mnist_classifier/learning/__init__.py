"""Learning from people: corrections, and what is made of them."""
