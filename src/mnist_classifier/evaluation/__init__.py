"""Judge models: promotion check, comparisons, robustness suite, explanations, checks of archives to import."""
