"""What the writer writes is read and run by onnxruntime itself."""

import numpy as np
import onnxruntime as ort
import pytest

from whisperengine.inference.onnx_writer import GraphWriter


def run(graph: GraphWriter, **inputs: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(graph.model("test"), providers=["CPUExecutionProvider"])
    return [np.asarray(found) for found in session.run(None, inputs)]


def test_a_graph_with_a_constant_computes():
    graph = GraphWriter()
    x = graph.input("x", "float32", ["rows", 3])
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    product = graph.node("MatMul", [x, graph.constant("weights", weights)])
    graph.node("Add", [product, graph.constant("bias", np.float32(0.5))], "y")
    graph.output("y", "float32", ["rows", 4])
    given = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.allclose(run(graph, x=given)[0], given @ weights + 0.5, atol=1e-5)


def test_names_shapes_and_types_are_those_that_were_given():
    graph = GraphWriter()
    graph.node("Identity", [graph.input("given", "int64", ["batch", 7, "length"])], "taken")
    graph.output("taken", "int64", ["batch", 7, "length"])
    session = ort.InferenceSession(graph.model("test"), providers=["CPUExecutionProvider"])
    (given,), (taken,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("given", "tensor(int64)", ["batch", 7, "length"])
    assert (taken.name, taken.type, taken.shape) == ("taken", "tensor(int64)", ["batch", 7, "length"])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "int32", "int64", "bool"])
def test_a_constant_of_each_type_keeps_every_bit(dtype: str):
    stored = np.frombuffer(np.random.default_rng(1).bytes(4 * np.dtype(dtype).itemsize * 3), np.uint8)
    array = (stored % 2).astype(bool)[:12] if dtype == "bool" else stored.view(dtype)
    graph = GraphWriter()
    graph.node("Identity", [graph.constant("stored", array.reshape(3, -1))], "out")
    graph.output("out", dtype, [3, "n"])
    assert run(graph)[0].tobytes() == array.tobytes()


def test_attributes_may_be_numbers_negative_numbers_texts_and_lists():
    graph = GraphWriter()
    x = graph.input("x", "float32", [2, 3])
    turned = graph.node("Transpose", [x], perm=[1, 0])
    slope = graph.node("LeakyRelu", [turned], alpha=0.25)
    total = graph.node("Softmax", [slope], axis=-1)
    joined = graph.node("Concat", [total, total], axis=0)
    scattered = graph.constant("indices", np.zeros((1, 2), np.int64))
    graph.node(
        "ScatterElements",
        [joined, scattered, graph.constant("ones", np.ones((1, 2), np.float32))],
        "y",
        reduction="add",
    )
    graph.output("y", "float32", [6, 2])
    given = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
    leaky = np.where(given > 0, given, given * 0.25).T
    soft = np.exp(leaky) / np.exp(leaky).sum(axis=-1, keepdims=True)
    expected = np.concatenate([soft, soft])
    expected[0] += 1
    assert np.allclose(run(graph, x=given)[0], expected, atol=1e-6)


def test_an_input_may_be_left_out_and_an_operator_may_come_from_another_domain():
    graph = GraphWriter()
    x = graph.input("x", "float32", [3])
    graph.node(
        "Clip", [graph.node("Gelu", [x], domain="com.microsoft"), "", graph.constant("most", np.float32(1))], "y"
    )
    graph.output("y", "float32", [3])
    found = run(graph, x=np.array([-9, 0.5, 9], np.float32))[0]
    assert np.allclose(found, [0, 0.345731, 1], atol=1e-5)
