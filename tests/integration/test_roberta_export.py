"""The RoBERTa exporter and its loader, on a small random model whose logits transformers recorded
(tests/fixtures/roberta/make.py).
"""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import ByteLevelBPETokenizer

from scripts import export_emotion_onnx as exporter
from tests.support import service as services
from whisperengine.emotion.classifier import from_outside
from whisperengine.errors import ModelFilesError
from whisperengine.inference.roberta import RobertaEmotion, clean, is_present

FIXTURE = Path(__file__).parent.parent / "fixtures" / "roberta"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A whole checkpoint folder: the recorded model, and a byte-level vocabulary as RoBERTa's own repositories have
    it.
    """
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(FIXTURE / name, folder / name)
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(["I am so happy today", "leave me alone"], 300, 1, False, special)
    tokenizer.save_model(str(folder))
    return folder


def recorded() -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    rows = json.loads((FIXTURE / "expected.json").read_text("utf-8"))
    inputs = [(np.array(row["ids"], np.int64), np.array(row["mask"], np.int64)) for row in rows]
    return inputs, np.concatenate([np.array(row["logits"]) for row in rows])


def test_the_graph_before_quantising_gives_the_logits_of_transformers() -> None:
    inputs, expected = recorded()
    config = json.loads((FIXTURE / "config.json").read_text("utf-8"))
    model = exporter.RobertaGraph(exporter.load_weights(FIXTURE), config, int8=False).build()
    assert np.abs(exporter.run(model, inputs) - expected).max() <= exporter.FP32_TOLERANCE


def test_the_int8_graph_keeps_the_order_of_the_logits_and_is_a_fraction_of_the_size() -> None:
    inputs, expected = recorded()
    config = json.loads((FIXTURE / "config.json").read_text("utf-8"))
    weights = exporter.load_weights(FIXTURE)
    small = exporter.RobertaGraph(weights, config, int8=True).build()
    large = exporter.RobertaGraph(weights, config, int8=False).build()
    got = exporter.run(small, inputs)
    assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] >= exporter.INT8_CORRELATION
    assert len(small) < len(large) / 2


async def test_an_exported_model_is_read_through_the_loader(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "models" / "emotion-roberta"
    out.parent.mkdir()
    assert not is_present(out)
    exporter.export(checkpoint, out)
    assert is_present(out)
    model = await asyncio.to_thread(RobertaEmotion.open, out)
    try:
        texts = ["I am so happy today 😂", "", "leave me alone @you https://example.org " * 40]
        scores = await model.read(texts)
        assert [list(row) for row in scores] == [list(model.labels)] * 3
        assert all(0 <= value <= 1 for row in scores for value in row.values())
        together = await asyncio.gather(*(model.read([text]) for text in texts))
        assert [row[0] for row in together] == scores
        reading = from_outside(scores[0], texts[0], "roberta")
        assert reading.source == "roberta"
        assert reading.fine == {}
        assert reading.primary in reading.outside
    finally:
        model.close()


def test_labels_come_from_the_models_own_configuration(checkpoint: Path, tmp_path: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    config["id2label"] = {str(i): f"Label{i}" for i in range(11)}
    (checkpoint / "config.json").write_text(json.dumps(config), "utf-8")
    exporter.export(checkpoint, tmp_path / "out")
    model = RobertaEmotion.open(tmp_path / "out")
    model.close()
    assert model.labels == tuple(f"label{i}" for i in range(11))


def test_a_damaged_model_is_refused_with_the_next_step(checkpoint: Path, tmp_path: Path) -> None:
    exporter.export(checkpoint, tmp_path / "out")
    whole = (tmp_path / "out" / "model.onnx").read_bytes()
    (tmp_path / "out" / "model.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFilesError, match=r"Export it again .* EMOTION_MODEL=head"):
        RobertaEmotion.open(tmp_path / "out")


def test_labels_that_do_not_fit_the_outputs_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    exporter.export(checkpoint, tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    del config["id2label"]["10"]
    (tmp_path / "out" / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelFilesError, match="11 outputs and 10 labels"):
        RobertaEmotion.open(tmp_path / "out")


def test_a_model_of_another_kind_is_not_exported(checkpoint: Path, tmp_path: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    config["model_type"] = "bert"
    (checkpoint / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelFilesError, match="no RoBERTa"):
        exporter.export(checkpoint, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_handles_and_links_are_cleaned_as_in_its_training() -> None:
    assert (
        clean("@anna_b see https://example.org/x?y=1 now, mail me@example.org")
        == "@user see http now, mail me@example.org"
    )


async def test_the_service_reads_feelings_with_it_when_it_is_there_and_refuses_to_start_when_it_is_asked_for_in_vain(
    checkpoint: Path, tmp_path: Path, database: str
) -> None:
    models = tmp_path / "models"
    shutil.copytree(services.test_config().models_dir, models, copy_function=shutil.copyfile)
    settings = services.test_config(database_url=database, emotion_model="roberta")
    with pytest.raises(ModelFilesError, match="EMOTION_MODEL"):
        async with services.running(replace(settings, model_cache_dir=models)):
            pass
    exporter.export(checkpoint, models / "emotion-roberta")
    async with services.running(replace(settings, model_cache_dir=models, emotion_model="auto")) as client:
        answer = await client.say("I am so happy today")
    components = answer["metadata"]["ai_components"]
    assert components["emotion_data"]["analysis_method"] == "roberta"
    assert components["bot_emotion"]["analysis_method"] == "roberta"
