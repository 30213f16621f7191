"""Training: the only room that imports PyTorch."""
