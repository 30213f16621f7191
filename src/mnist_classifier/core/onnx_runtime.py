"""Open networks with ONNX Runtime, after switching off its telemetry.

    session = open_session(onnx_bytes)
    (logits,) = session.run(["logits"], {"glyphs": images_u8})

No other module imports onnxruntime: the switch works only before the first import.
"""

from __future__ import annotations

import os

# Since version 1.29, ONNX Runtime reports to Microsoft on Linux and macOS too.  Source: microsoft/onnxruntime#27379.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # noqa: E402

RUNTIME_VERSION: str = onnxruntime.__version__

# On Windows the variable has no effect.
onnxruntime.disable_telemetry_events()


def open_session(onnx_bytes: bytes) -> onnxruntime.InferenceSession:
    """Open a network on the CPU with one thread, because requests already run in parallel.

    Raises ONNX Runtime's exceptions, which have no common class.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(onnx_bytes, sess_options=options, providers=["CPUExecutionProvider"])
