"""AI characters that remember people: one aiohttp process, one PostgreSQL, one ONNX encoder."""

__version__ = "0.1.0"
