"""Generated pictures that measure how a model reads what people really write."""
