"""Documents: what one training sample holds, as words and pictures, before any model has seen it.

Learning modes make documents of traces (`irg.data.learning`), the published conversation rows are documents
already (`irg.data.conversation`), and `irg.data.prepare` turns either into token ids and pixels.
"""

from dataclasses import dataclass

from PIL import Image

from irg.core import Role


@dataclass(frozen=True)
class TextPart:
    """A text; `loss` asks for its cross-entropy."""

    role: Role
    text: str
    turn: int
    loss: bool = False


@dataclass(frozen=True, eq=False)
class ImagePart:
    """An image, in up to three forms, which follow each other in this order.

    `noisy` is a target to be denoised, `clean` its latents to be looked at, `view` its patches for the vision
    tower. The image may be read lazily: only its size is needed to measure a document.
    """

    image: Image.Image
    turn: int
    noisy: bool = False
    clean: bool = False
    view: bool = False


Part = TextPart | ImagePart


@dataclass(frozen=True, eq=False)
class Document:
    """Parts in order. `mode` names what kind of sample it is, for the mixture and the logs."""

    parts: tuple[Part, ...]
    mode: str

    @property
    def supervised(self) -> bool:
        """Whether anything in it carries loss."""
        return any(part.loss if isinstance(part, TextPart) else part.noisy for part in self.parts)
