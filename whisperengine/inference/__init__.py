"""The ONNX encoder: one pass gives a text's embedding and its emotion."""
