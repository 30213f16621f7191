"""PyTorch's MNIST example, the peer of our recipes.

    python bench/peers/pytorch_example.py [--max-epochs 14] [--target 0.99]

Has the network and training of pytorch/examples, mnist/main.py: Adadelta with lr 1.0 and StepLR with gamma 0.7, batches
of 64, and a DataLoader without workers that transforms images one by one, in the steps of torchvision.  It differs in
three points: images are shuffled (the example does this only on a GPU), 5,000 images are our validation split, and the
test set is scored once at the end instead of after each epoch.

Stops after the first epoch with the target accuracy on the validation split, and prints one line of JSON.
bench/time_to_accuracy.py compares it with our recipes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

# The first optimizer would import this, which takes a second.  All imports must be done before the clock starts.
import torch._dynamo
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist

# Mean and standard deviation of the training pixels, as the example has them.
MEAN, STD = (0.1307,), (0.3081,)

Loader = DataLoader[tuple[Tensor, int]]


class Net(nn.Module):
    """The example's network: 1.2 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 28, 28) -> (B, 10) log-probabilities."""
        x = F.relu(self.conv1(x))  # (B, 32, 26, 26)
        x = F.relu(self.conv2(x))  # (B, 64, 24, 24)
        x = self.dropout1(F.max_pool2d(x, 2))  # (B, 64, 12, 12)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        x = self.fc2(self.dropout2(x))
        return F.log_softmax(x, dim=1)


class ToTensor:
    """PIL image -> float32 (1, H, W) in 0..1, as torchvision.transforms.ToTensor."""

    def __call__(self, picture: Image.Image) -> Tensor:  # noqa: D102
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        pixels = pixels.view(picture.size[1], picture.size[0], 1).permute((2, 0, 1)).contiguous()
        return pixels.to(dtype=torch.float32).div(255)


class Normalize(nn.Module):
    """Subtract the mean and divide by the deviation, as torchvision.transforms.Normalize."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, tensor: Tensor) -> Tensor:
        """(C, H, W) -> the same, on a copy."""
        tensor = tensor.clone()
        mean = torch.as_tensor(self.mean, dtype=tensor.dtype, device=tensor.device)
        std = torch.as_tensor(self.std, dtype=tensor.dtype, device=tensor.device)
        if (std == 0).any():
            raise ValueError("the standard deviation must not be zero")
        return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


class Compose:
    """One transform after the other, as torchvision.transforms.Compose."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, value: Any) -> Any:  # noqa: D102
        for transform in self.transforms:
            value = transform(value)
        return value


class MNIST(Dataset[tuple[Tensor, int]]):
    """Images in memory, each made a PIL image and transformed when asked for, as torchvision.datasets.MNIST."""

    def __init__(
        self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], transform: Callable[[Any], Any]
    ) -> None:
        self.data = torch.from_numpy(images.copy())
        self.targets = torch.from_numpy(labels.astype(np.int64))
        self.transform = transform

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, target = self.data[index], int(self.targets[index])
        return self.transform(Image.fromarray(image.numpy())), target

    def __len__(self) -> int:
        return len(self.data)


def train(model: nn.Module, loader: Loader, optimizer: optim.Optimizer) -> None:
    """One epoch."""
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def evaluate(model: nn.Module, loader: Loader) -> float:
    """The accuracy, a fraction."""
    model.eval()
    correct = seen = 0
    with torch.no_grad():
        for data, target in loader:
            prediction = model(data).argmax(dim=1)
            correct += int(prediction.eq(target).sum())
            seen += len(target)
    return correct / seen


def fit(train_set: MNIST, validation_set: MNIST, test_set: MNIST, options: argparse.Namespace) -> dict[str, Any]:
    """Train from datasets in memory until the target or the last epoch, then score the test set."""
    started = time.perf_counter()
    torch.manual_seed(options.seed)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    validation_loader = DataLoader(validation_set, batch_size=1000)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    setup_s = time.perf_counter() - started
    epochs: list[dict[str, float]] = []
    for epoch in range(1, options.max_epochs + 1):
        started, processor_began = time.perf_counter(), time.process_time()
        train(model, train_loader, optimizer)
        scheduler.step()
        train_s, processor_s = time.perf_counter() - started, time.process_time() - processor_began
        accuracy = evaluate(model, validation_loader)
        evaluation_s = time.perf_counter() - started - train_s
        epochs.append(
            {
                "train_s": train_s,
                "processor_s": processor_s,
                "evaluation_s": evaluation_s,
                "validation_accuracy": accuracy,
            }
        )
        print(f"pytorch_example: epoch {epoch}: {train_s:.1f} s, validation {accuracy:.2%}", file=sys.stderr)
        if accuracy >= options.target:
            break
    test_accuracy = evaluate(model, DataLoader(test_set, batch_size=1000))
    return {"seed": options.seed, "setup_s": setup_s, "epochs": epochs, "test_accuracy": test_accuracy}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Load, then fit; options: seed, target, max_epochs, train_images and evaluation_images (0 is all)."""
    directories = Settings.from_environment().data_dirs()
    transform = Compose([ToTensor(), Normalize(MEAN, STD)])
    images, test = mnist.load(directories, mnist.TRAIN), mnist.load(directories, mnist.TEST)
    train_rows, validation_rows = mnist.split_train_validation(images.labels)
    train_rows = train_rows[: options.train_images or None]
    scored = slice(options.evaluation_images or None)
    validation_rows = validation_rows[scored]
    train_set = MNIST(images.images[train_rows], images.labels[train_rows], transform)
    validation_set = MNIST(images.images[validation_rows], images.labels[validation_rows], transform)
    test_set = MNIST(test.images[scored], test.labels[scored], transform)
    del images, test  # the datasets hold copies
    return fit(train_set, validation_set, test_set, options)


def main() -> None:
    """Train, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--max-epochs", type=int, default=14, help="14, as the example has it, unless told")
    parser.add_argument("--target", type=float, default=0.99, help="validation accuracy to stop at")
    parser.add_argument("--train-images", type=int, default=0, help="use only the first so many; 0 uses all 55,000")
    parser.add_argument(
        "--evaluation-images", type=int, default=0, help="score only so many of each split; 0 scores all"
    )
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(run(parser.parse_args())))


if __name__ == "__main__":
    main()
