"""Read the digits in a picture: preprocessing, the network, and the verdict on its answer."""
