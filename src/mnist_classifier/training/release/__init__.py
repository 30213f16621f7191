"""From a finished training to the files of a model version."""
