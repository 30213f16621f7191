"""Judge models: the promotion check, comparisons, checks of imported archives, the explorer, the robustness suite."""
