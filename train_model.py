"""Train a digit recogniser: python train_model.py [--epochs N] [--seed N] ... (see --help)."""

from mnist_classifier.cli.train import train

if __name__ == "__main__":
    train()
