"""`python -m mnist_classifier` is `mnist`."""

from mnist_classifier.cli.main import main

if __name__ == "__main__":
    main()
