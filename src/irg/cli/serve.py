"""`irg serve`: a model for every client of OpenAI's API."""

import socket
from typing import Annotated

from irg.cli.options import ModelChoice, option
from irg.terminal import err

EXAMPLES = """[bold]Examples[/bold]
  irg serve
  irg serve --port 8080 --model ByteDance-Seed/BAGEL-7B-MoT
  curl localhost:8000/v1/responses -H 'content-type: application/json' \\
    -d '{"input": "a green star above a yellow circle", "stream": true}'

Any client of OpenAI's API draws with base_url http://localhost:8000/v1."""


def serve(
    choice: ModelChoice,
    host: Annotated[str, option("Address to listen at.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[
        int, option("Port to listen at; 0 takes a free one.", metavar="N", least=0, most=65535)
    ] = 8000,
    running: Annotated[
        int, option("Requests that are written and drawn together.", metavar="N", least=1, most=4096)
    ] = 32,
    waiting: Annotated[
        int, option("Requests that wait besides; one more is refused.", metavar="N", least=0)
    ] = 256,
    memory: Annotated[
        float | None,
        option(
            "Gigabytes for what requests hold. Default: a share of what is free.", metavar="GB", least=0.001
        ),
    ] = None,
) -> None:
    """Serve a model to every client of OpenAI's API: thoughts and pictures as one stream.

    /v1/responses, /v1/chat/completions, /v1/images/generations, /v1/images/edits
    """
    import uvicorn

    from irg.serve.app import make_app
    from irg.serve.service import Capacity, Service

    choice.check_device()
    capacity = Capacity(running, waiting, None if memory is None else int(memory * 1e9))
    app = make_app(Service([choice.checkpoint], capacity))
    with socket.create_server((host, port)) as listening:
        address = f"http://{host}:{listening.getsockname()[1]}"
        err.print(f"serving {choice.model or 'the embedded model'} at {address}", soft_wrap=True)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=10)
        uvicorn.Server(config).run([listening])
