"""What requests may say: OpenAI's fields, and ours besides. A field that is not here is refused by name."""

from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Discriminator, Field, Tag, ValidationError

from irg.core.settings import BaseSettings, Seed, checked, place_of
from irg.engine import Renorm
from irg.engine.flow import MOST_POINTS
from irg.pipeline.settings import MOST_TURNS
from irg.serve.refusals import invalid

_UNHEEDED = "Taken, without effect here."
Unheeded = Annotated[Any, Field(description=_UNHEEDED)]
"""A field of OpenAI's that has no effect on this server."""
Size = Annotated[
    str, Field(pattern=r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$", description="WIDTHxHEIGHT, or auto")
]
PLAN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Format = Literal["png", "jpeg", "webp"]
Partial = Annotated[int, Field(ge=0, le=3, description="Previews of a picture that is being drawn.")]


_CODES = {"extra_forbidden": "unknown_parameter", "missing": "missing_required_parameter"}
Understood = TypeVar("Understood", bound=BaseSettings)


def understood(model: type[Understood], content: Any) -> Understood:
    """What a request says. Raises Refused, which names the first field that is wrong and says all that is."""
    try:
        return checked(model, content, "the request")
    except ValueError as wrong:
        assert isinstance(wrong.__cause__, ValidationError)
        first = wrong.__cause__.errors(include_url=False)[0]
        param, code = place_of(first, model, content), _CODES.get(first["type"], "invalid_value")
        raise invalid(str(wrong), param, code) from wrong


def unheeded(model: type[BaseSettings]) -> list[str]:
    """The fields of a model that have no effect."""
    return [name for name, field in model.model_fields.items() if field.description == _UNHEEDED]


class GuidanceFields(BaseSettings):
    """What is changed of a turn's guidance."""

    text_scale: float | None = None
    image_scale: float | None = None
    interval: tuple[float, float] | None = None
    renorm: Renorm | None = None
    renorm_min: float | None = None


class DrawingFields(BaseSettings):
    """Ours: how an episode is drawn. What is absent is the checkpoint's usual."""

    turns: int | None = Field(None, ge=1, le=MOST_TURNS, description="Pictures, each better than the last.")
    guidance: GuidanceFields | list[GuidanceFields] | None = Field(
        None, description="For all turns, or for each; the last of a list holds for the turns after it."
    )
    steps: int | None = Field(None, ge=1, lt=MOST_POINTS, description="Steps of each picture.")
    seed: Seed | None = None
    thinking: bool | None = Field(None, description="Whether a thought is written before each picture.")
    stop_when_right: bool = Field(
        False, description="End with a reflection that finds nothing wrong: the picture before it stands."
    )
    plan: str | None = Field(
        None,
        pattern=PLAN_NAME,
        description="The name of a plan of steps to go by, of those in `/v1/models`; `turns` sets its "
        "rounds. Default: the server's usual one.",
    )
    deterministic: bool = Field(
        False, description="Share no pass with other requests: the same bytes as `irg generate` makes."
    )


class TextFields(BaseSettings):
    """How texts are written."""

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)


class TextPart(BaseSettings):
    type: Literal["text", "input_text", "output_text", "reasoning_text", "summary_text"]
    text: str
    annotations: Unheeded = None
    logprobs: Unheeded = None


class ImagePart(BaseSettings):
    """A picture as Responses has it."""

    type: Literal["input_image"]
    image_url: str
    detail: Unheeded = None


class ImageUrl(BaseSettings):
    url: str
    detail: Unheeded = None


class ImageUrlPart(BaseSettings):
    """A picture as chat completions have it."""

    type: Literal["image_url"] = "image_url"
    image_url: ImageUrl
    index: Unheeded = None


Part = TextPart | ImagePart | ImageUrlPart
_PARTS = {name: one for one in get_args(Part) for name in get_args(one.model_fields["type"].annotation)}


def _kind_of_part(value: Any) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    found = _PARTS.get(name) if isinstance(name, str) else None
    return found.__name__ if found else None


Parts = list[
    Annotated[
        Annotated[TextPart, Tag("TextPart")]
        | Annotated[ImagePart, Tag("ImagePart")]
        | Annotated[ImageUrlPart, Tag("ImageUrlPart")],
        Discriminator(
            _kind_of_part,
            custom_error_type="unknown_part",
            custom_error_message=f"expected a part whose type is one of {', '.join(_PARTS)}",
        ),
    ]
]


class MessageItem(BaseSettings):
    """A message of a conversation."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | Parts
    id: Unheeded = None
    status: Unheeded = None
    phase: Unheeded = None


class ReasoningItem(BaseSettings):
    """A thought of an earlier answer."""

    type: Literal["reasoning"]
    id: Unheeded = None
    summary: Parts = Field([])
    content: Parts | None = None
    encrypted_content: Unheeded = None
    status: Unheeded = None


class PictureItem(BaseSettings):
    """A picture of an earlier answer: by its `result`, or by its id where that answer was stored."""

    type: Literal["image_generation_call"]
    id: str
    result: str | None = None
    status: Unheeded = None
    action: Unheeded = None
    background: Unheeded = None
    error: Unheeded = None
    output_format: Unheeded = None
    quality: Unheeded = None
    revised_prompt: Unheeded = None
    size: Unheeded = None


class ReferenceItem(BaseSettings):
    """A picture of a stored answer, by its id."""

    type: Literal["item_reference"]
    id: str


Item = MessageItem | ReasoningItem | PictureItem | ReferenceItem
_ITEMS = {get_args(one.model_fields["type"].annotation)[0]: one.__name__ for one in get_args(Item)}


def _kind_of_item(value: Any) -> str | None:
    if not isinstance(value, dict):
        return type(value).__name__
    name = value.get("type", "message")
    return _ITEMS.get(name) if isinstance(name, str) else None


Items = list[
    Annotated[
        Annotated[MessageItem, Tag("MessageItem")]
        | Annotated[ReasoningItem, Tag("ReasoningItem")]
        | Annotated[PictureItem, Tag("PictureItem")]
        | Annotated[ReferenceItem, Tag("ReferenceItem")],
        Discriminator(
            _kind_of_item,
            custom_error_type="unknown_item",
            custom_error_message=f"expected an item whose type is one of {', '.join(_ITEMS)}",
        ),
    ]
]


class ImageTool(BaseSettings):
    """OpenAI's tool for pictures: how they are drawn."""

    type: Literal["image_generation"]
    partial_images: Partial = 0
    size: Size = "auto"
    output_format: Format = "png"
    output_compression: int = Field(100, ge=0, le=100)
    action: Literal["auto", "generate", "edit"] = "auto"
    background: Literal["auto", "opaque"] = "auto"
    quality: Unheeded = None
    moderation: Unheeded = None
    model: Unheeded = None
    input_fidelity: Unheeded = None


class ImageToolChoice(BaseSettings):
    type: Literal["image_generation"]


class ResponsesBody(DrawingFields, TextFields):
    """POST /v1/responses."""

    model: str | None = None
    input: str | Items | None = None
    instructions: str | None = Field(None, description="In the place of the checkpoint's system prompt.")
    stream: bool = False
    store: bool = Field(False, description="Keep what it came to, for `previous_response_id`.")
    previous_response_id: str | None = None
    tools: list[ImageTool] = Field([], max_length=1)
    tool_choice: Literal["auto", "required", "none"] | ImageToolChoice = Field(
        "auto", description="none: answer in words, without a picture."
    )
    stop_at: Literal["picture", "thought"] = Field(
        "picture",
        description="thought: leave the last turn at its thought, to be changed before it is drawn.",
    )
    max_output_tokens: int | None = Field(None, ge=1, description="The longest text, in tokens.")
    background: Literal[False] | None = None
    conversation: None = None
    prompt: None = None
    include: Unheeded = None
    max_tool_calls: Unheeded = None
    metadata: Unheeded = None
    moderation: Unheeded = None
    parallel_tool_calls: Unheeded = None
    prompt_cache_key: Unheeded = None
    prompt_cache_retention: Unheeded = None
    reasoning: Unheeded = None
    safety_identifier: Unheeded = None
    service_tier: Unheeded = None
    stream_options: Unheeded = None
    text: Unheeded = None
    top_logprobs: Unheeded = None
    truncation: Unheeded = None
    user: Unheeded = None


class ChatMessage(BaseSettings):
    """A message, also as our own and other servers' answers have it."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | Parts | None = None
    images: list[ImageUrlPart] = Field([], description="Of an answer; `<image>` says where each stands.")
    reasoning_content: Unheeded = None
    name: Unheeded = None
    refusal: Unheeded = None
    annotations: Unheeded = None
    audio: None = None


class StreamOptions(BaseSettings):
    include_usage: bool = False
    include_obfuscation: Unheeded = None


class ChatBody(DrawingFields, TextFields):
    """POST /v1/chat/completions."""

    model: str | None = None
    messages: list[ChatMessage] = Field(min_length=1)
    modalities: list[Literal["text", "image"]] = Field(
        ["image", "text"], min_length=1, description='["text"]: answer in words, without a picture.'
    )
    size: Size = "auto"
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, description="The longest text, in tokens.")
    max_completion_tokens: int | None = Field(None, ge=1)
    n: Literal[1] | None = None
    tools: list[Any] = Field([], max_length=0)
    frequency_penalty: Unheeded = None
    logit_bias: Unheeded = None
    logprobs: Unheeded = None
    metadata: Unheeded = None
    moderation: Unheeded = None
    parallel_tool_calls: Unheeded = None
    presence_penalty: Unheeded = None
    prompt_cache_key: Unheeded = None
    prompt_cache_retention: Unheeded = None
    reasoning_effort: Unheeded = None
    response_format: Unheeded = None
    safety_identifier: Unheeded = None
    service_tier: Unheeded = None
    stop: Unheeded = None
    store: Unheeded = None
    tool_choice: Unheeded = None
    top_logprobs: Unheeded = None
    user: Unheeded = None
    verbosity: Unheeded = None


class PictureFields(BaseSettings):
    """What both requests for pictures say."""

    prompt: str
    model: str | None = None
    n: int | None = Field(None, ge=1, le=10, description="Pictures, with seeds that count up.")
    size: Size | None = None
    stream: bool | None = None
    partial_images: Partial | None = None
    output_format: Format | None = None
    output_compression: int | None = Field(None, ge=0, le=100)
    response_format: Literal["b64_json"] | None = None
    background: Literal["auto", "opaque"] | None = None
    quality: Unheeded = None
    moderation: Unheeded = None
    safety_identifier: Unheeded = None
    user: Unheeded = None


class GenerationBody(PictureFields, DrawingFields, TextFields):
    """POST /v1/images/generations."""

    style: Unheeded = None


class EditBody(PictureFields, DrawingFields, TextFields):
    """POST /v1/images/edits, but for the pictures."""

    input_fidelity: Unheeded = None
