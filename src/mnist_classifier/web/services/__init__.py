"""Objects that the routes share: the model in production, MNIST test images, live streams, metrics."""
