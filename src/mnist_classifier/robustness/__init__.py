"""What people really write, made by this project's own code: for measuring, and for training against."""
