"""Who plays: the model that learns itself, or with a whole copy of it, to which its weights are handed
over, where processes share them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.distributed.tensor import DTensor

from irg.model import Autoencoder
from irg.pipeline import Pipeline
from irg.run.assemble import RunParts, build
from irg.run.losses import ModelLosses
from irg.run.model_recipe import ModelRecipe
from irg.run.parallel import Layout, arithmetic


@dataclass(frozen=True, eq=False)
class Cast:
    """The network that learns, and the one that plays: the same, or a copy."""

    network: ModelLosses
    playing: ModelLosses
    pipeline: Pipeline
    layout: Layout
    recipe: ModelRecipe

    @classmethod
    def of(
        cls,
        recipe: ModelRecipe,
        parts: RunParts,
        network: ModelLosses,
        autoencoder: Autoencoder,
        layout: Layout,
    ) -> "Cast":
        """A copy is made where the network is shared by processes."""
        playing = network
        if layout.world > 1:
            playing = build(recipe, parts.config, Layout(0, 1, layout.device))
        pipeline = Pipeline(playing.model, autoencoder, parts.tokenizer, parts.settings)
        return cls(network, playing, pipeline, layout, recipe)

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        """Within the block the pipeline has the weights of now, and plays. All processes enter it."""
        if self.playing is not self.network:
            self._hand_over()
        self.playing.eval()
        try:
            with arithmetic(Layout(0, 1, self.layout.device), self.recipe.parallel):
                yield
        finally:
            self.playing.train()

    @torch.no_grad()
    def _hand_over(self) -> None:
        """Tensor by tensor, so that no process ever holds a third copy."""
        taking = dict(self.playing.model.named_parameters())
        for name, parameter in self.network.model.named_parameters():
            whole = parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
            taking[name].copy_(whole)
