"""Train the line reader, a network that reads a line of digits and marks without cutting it into digits first.

    python -m mnist_classifier.training.line_reader --lines 300000 OUT

writes the folder OUT: model.onnx, weights.safetensors, manifest.json and MODEL_CARD.md.  Lines are generated while
the network learns (training/synthetic/lines.py), from MNIST's training images, from pen strokes of the training
writers and from stroke templates.  The validation writers only measure: no line of a training shows their writing.
"""
