"""Evaluation: the promotion check, comparisons, the acceptance of archives, the explorer and the robustness suite."""
