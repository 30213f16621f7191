"""Is a version good: the promotion rule, comparisons, the robustness suite."""
