"""How good is a version: promotion, comparison, archives, robustness, single images."""
