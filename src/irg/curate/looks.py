"""Filters that need a model: a safety label, an aesthetic score, an embedding of what a picture shows.

The models are image classifiers and encoders as `transformers` loads them, from the hub or from a folder.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from irg.core.picture import Picture
from irg.core.settings import BaseSettings
from irg.curate.duplicates import embedding_text
from irg.curate.records import TraceRecord
from irg.curate.select import EMBEDDING
from irg.stages.stage import Identity, Resource

NAME = "looks"
_BATCH = 32


class ClassifierSettings(BaseSettings):
    """An image classifier, and the label whose probability counts."""

    model: str
    revision: str | None = None
    label: str
    most: float = Field(default=1.0, ge=0, le=1)
    least: float = Field(default=0.0, ge=0, le=1)


class EncoderSettings(BaseSettings):
    """An image encoder; its pooled output is the embedding."""

    model: str
    revision: str | None = None


class LooksSettings(BaseSettings):
    """Which models look at the pictures. None leaves one out."""

    safety: ClassifierSettings | None = None
    """Its label's probability may be `most` at most for either picture."""
    aesthetic: ClassifierSettings | None = None
    """Its label's probability is to be `least` at least for image 2."""
    embedding: EncoderSettings | None = None
    device: str = "cpu"

    @property
    def wanted(self) -> bool:
        return any((self.safety, self.aesthetic, self.embedding))


class Looks:
    """Scores pictures, rejects those that are unsafe or unsightly, and keeps the embedding of image 2."""

    resource = Resource.DEVICE

    def __init__(self, settings: LooksSettings) -> None:
        self.settings = settings
        self.identity = Identity(NAME, 1, settings.model_dump(mode="json", exclude={"device"}))
        self._loaded: dict[str, Any] = {}

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        results: list[TraceRecord] = []
        for start in range(0, len(records), _BATCH):
            results += self._look(records[start : start + _BATCH])
        return results

    def retire(self) -> None:
        self._loaded.clear()

    def _look(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        firsts = [_opened(record.image1) for record in records]
        seconds = [_opened(record.image2) for record in records]
        results = list(records)
        if (safety := self.settings.safety) is not None:
            scores = map(max, self._shares(safety, firsts), self._shares(safety, seconds))
            results = [_judged(*pair, "safety", safety) for pair in zip(results, scores, strict=True)]
        if (aesthetic := self.settings.aesthetic) is not None:
            scores = self._shares(aesthetic, seconds)
            results = [_judged(*pair, "aesthetic", aesthetic) for pair in zip(results, scores, strict=True)]
        if (encoder := self.settings.embedding) is not None:
            vectors = self._vectors(encoder, seconds)
            results = [
                replace(record, fingerprints=record.fingerprints | {EMBEDDING: embedding_text(vector)})
                for record, vector in zip(results, vectors, strict=True)
            ]
        return results

    def _shares(self, classifier: ClassifierSettings, images: list[Image.Image]) -> list[float]:
        """The probability of the classifier's label for each image."""
        from transformers import AutoModelForImageClassification

        processor, model = self._load(classifier, AutoModelForImageClassification)
        labels = {label: index for index, label in model.config.id2label.items()}
        if classifier.label not in labels:
            raise ValueError(f"label {classifier.label!r}: {classifier.model} has {', '.join(labels)}")
        shares_BL = self._run(processor, model, images).logits.float().softmax(dim=-1)
        return shares_BL[:, labels[classifier.label]].tolist()

    def _vectors(self, encoder: EncoderSettings, images: list[Image.Image]) -> np.ndarray:
        from transformers import AutoModel

        processor, model = self._load(encoder, AutoModel)
        model = getattr(model, "vision_model", model)  # of one that also reads text, the part that sees
        return self._run(processor, model, images).pooler_output.float().cpu().numpy()

    def _load(self, settings: ClassifierSettings | EncoderSettings, kind: Any) -> tuple[Any, Any]:
        from transformers import AutoImageProcessor

        key = f"{kind.__name__} {settings.model} {settings.revision}"
        if key not in self._loaded:
            name, revision = settings.model, settings.revision or "main"
            model = kind.from_pretrained(name, revision=revision, use_safetensors=True)
            processor = AutoImageProcessor.from_pretrained(name, revision=revision)
            self._loaded[key] = processor, model.to(self.settings.device).eval()
        return self._loaded[key]

    @torch.inference_mode()
    def _run(self, processor: Any, model: Any, images: list[Image.Image]) -> Any:
        return model(**processor(images=images, return_tensors="pt").to(self.settings.device))


def _opened(picture: Picture | None) -> Image.Image:
    assert picture is not None, "models look at finished pairs"
    return picture.open()


def _judged(record: TraceRecord, score: float, name: str, classifier: ClassifierSettings) -> TraceRecord:
    score = round(score, 4)  # as it is written down, so that a reader sees why
    record = record.scored({name: score})
    if record.rejected is not None:
        return record
    detail = f"{classifier.label} {score:.4f}"
    if score > classifier.most:
        return record.reject(NAME, f"{name}: {classifier.label} too likely", detail)
    if score < classifier.least:
        return record.reject(NAME, f"{name}: {classifier.label} too unlikely", detail)
    return record
