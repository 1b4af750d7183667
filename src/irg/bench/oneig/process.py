"""OneIG's own encoders as a process of their own, which `irg.bench.oneig.remote` asks.

    python process.py --repository OneIG-Benchmark [--port 8900] [--device cuda]

It runs in the environment of the official code, where irg cannot be installed: this file imports nothing of
irg, and the packages of that environment only when they are asked for. Models are loaded for the first
question of their dimension. What it computes is what the official scripts compute, one picture at a time.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

INFERENCE = "scripts/utils/inference.py"


class OfficialEncoders:
    """The classes of a checkout of OneIG-Benchmark, whose paths are relative to it."""

    def __init__(self, repository: Path, device: str) -> None:
        """Raises ValueError for a folder that is no checkout."""
        if not (repository / INFERENCE).is_file():
            raise ValueError(f"{repository} is no checkout of OneIG-Benchmark: it has no {INFERENCE}")
        self._device, self._source = device, (repository / INFERENCE).read_bytes()
        sys.path.insert(0, str(repository.resolve()))
        os.chdir(repository)

    @property
    def dimensions(self) -> dict[str, Callable[..., Any]]:
        return {"style": self.style, "reasoning": self.reasoning, "diversity": self.diversity}

    @cached_property
    def identity(self) -> dict[str, str]:
        import torch

        sha = hashlib.sha256(self._source).hexdigest()[:16]
        return {
            "name": "OneIG's own code",
            INFERENCE: sha,
            "torch": torch.__version__,
            "device": self._device,
        }

    def style(self, pictures: "list[str]", style: str) -> "dict[str, list[float]]":
        """How near a picture is to each reference, in the arithmetic of each encoder."""
        (path,) = pictures
        found = {}
        for name, (encoder, references) in self._style.items():
            if style not in references:
                raise ValueError(f"style {style!r} has no references")
            embedding = encoder.get_style_embedding(path)
            near = embedding @ references[style].to(embedding.device, embedding.dtype).T
            found[name] = [float(value) for value in near.flatten()]
        return found

    def reasoning(self, pictures: "list[str]", text: str) -> float:
        (value,) = self._clip.text_img_similarity_score(pictures, text)
        return float(value)

    def diversity(self, pictures: "list[str]") -> float:
        from PIL import Image

        model, prepare = self._dreamsim
        one, other = (prepare(Image.open(path)).to(self._device) for path in pictures)
        return float(model(one, other))

    @cached_property
    def _style(self) -> "dict[str, tuple[Any, Any]]":
        import torch
        from scripts.utils.inference import CSDStyleEmbedding, SEStyleEmbedding  # type: ignore[import-not-found]

        def references(name: str) -> Any:
            return torch.load(f"scripts/style/{name}_embed.pt", map_location="cpu", weights_only=False)

        return {
            "csd": (CSDStyleEmbedding(device=self._device), references("CSD")),
            "se": (SEStyleEmbedding(device=self._device), references("SE")),
        }

    @cached_property
    def _clip(self) -> Any:
        from scripts.utils.inference import LLM2CLIP  # type: ignore[import-not-found]

        return LLM2CLIP(device=self._device)

    @cached_property
    def _dreamsim(self) -> "tuple[Any, Any]":
        from dreamsim import dreamsim  # type: ignore[import-not-found]

        return dreamsim(pretrained=True, device=self._device)


def answer(encoders: OfficialEncoders, dimension: str, body: "dict[str, Any]") -> Any:
    """The value of a request. Raises whatever the official code raises."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, picture in enumerate(body.pop("pictures")):
            paths.append(os.path.join(folder, f"{number}.jpg"))
            Path(paths[-1]).write_bytes(base64.b64decode(picture))
        return encoders.dimensions[dimension](paths, **body)


def serve(encoders: OfficialEncoders, port: int) -> ThreadingHTTPServer:
    """A server of this machine alone, which computes one answer at a time."""
    lock = threading.Lock()

    class EncoderHandler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is told but faults, which the asker is told of."""

        def do_GET(self) -> None:
            self._send(200, {"identity": encoders.identity, "dimensions": sorted(encoders.dimensions)})

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                with lock:
                    value = answer(encoders, self.path.strip("/"), json.loads(data))
            except Exception as error:  # the official code may raise anything, and the asker has to know
                self._send(500, {"error": f"{type(error).__name__}: {error}"})
            else:
                self._send(200, {"value": value})

        def _send(self, status: int, content: "dict[str, Any]") -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return ThreadingHTTPServer(("127.0.0.1", port), EncoderHandler)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--repository", type=Path, required=True, help="a checkout of OneIG-Benchmark")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    try:
        server = serve(OfficialEncoders(options.repository, options.device), options.port)
    except (ValueError, OSError) as failure:
        sys.exit(str(failure))
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
