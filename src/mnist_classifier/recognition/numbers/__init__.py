"""Several digits in one picture: segmentation, cuts and grouping."""
