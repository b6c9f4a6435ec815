"""The ONNX encoder: one pass gives a text's embedding and its emotion."""

import os

# onnxruntime (since 1.29) and the hub's client report their use to their makers unless told not to before they are
# imported. Nothing of a person's leaves this machine unasked, not even that the service was started.
for _name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_name, "1")
