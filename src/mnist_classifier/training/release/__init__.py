"""Turn a finished training into a model version: calibrate, measure, export to ONNX, write the model card."""
