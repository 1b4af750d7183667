"""`irg serve`: a model for every client that people have, and a page for people."""

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irg.cli.options import ModelChoice, option
from irg.terminal import err

if TYPE_CHECKING:
    from irg.serve.front import Serving

EXAMPLES = """[bold]Examples[/bold]
  irg serve                                     [dim]# and the page is at http://127.0.0.1:8000[/dim]
  irg serve --port 8080 --model ByteDance-Seed/BAGEL-7B-MoT
  curl localhost:8000/v1/responses -H 'content-type: application/json' \\
    -d '{"input": "a green star above a yellow circle", "stream": true}'
  [dim]# where others reach it[/dim]
  irg serve token add alice
  irg serve --host 0.0.0.0

Any client of OpenAI's API draws with base_url http://localhost:8000/v1."""

access_option, limit_option, plan_option, scale_option = (
    partial(option, panel=panel) for panel in ("Access", "Limits", "Plans", "Replicas")
)


@dataclass(frozen=True)
class Access:
    """Who may ask, and from where."""

    host: Annotated[
        str,
        access_option(
            "Address to listen at. Others than this machine's own ask for tokens.", metavar="ADDRESS"
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, access_option("Port to listen at; 0 takes a free one.", metavar="N", least=0, most=65535)
    ] = 8000
    tokens: Annotated[
        Path | None,
        access_option("The file of tokens. Default: IRG_TOKENS, or irg/tokens.json in the user's settings."),
    ] = None
    without_tokens: Annotated[
        bool, access_option("Let everybody ask who reaches the address.", "--without-tokens")
    ] = False
    allow_remote_images: Annotated[
        bool,
        access_option(
            "Fetch pictures that requests name by an address of the internet.", "--allow-remote-images"
        ),
    ] = False

    @property
    def file(self) -> Path | None:
        """Of tokens; None where none are asked for."""
        from irg.serve.tokens import default_file

        if self.without_tokens and self.tokens is not None:
            raise typer.BadParameter(
                "either there are tokens or there are none", param_hint="--without-tokens"
            )
        return None if self.without_tokens else self.tokens or default_file()


@dataclass(frozen=True)
class Load:
    """How much is taken on."""

    running: Annotated[
        int,
        limit_option(
            "Requests that each process writes and draws together.", metavar="N", least=1, most=4096
        ),
    ] = 32
    workers: Annotated[
        int | None,
        limit_option(
            "Processes with the model on each device. Default: 1; 2 on a CPU where the model is small, which "
            "do more together.",
            metavar="N",
            least=1,
            most=64,
        ),
    ] = None
    waiting: Annotated[
        int, limit_option("Requests that wait besides; one more is refused.", metavar="N", least=0)
    ] = 256
    memory: Annotated[
        float | None,
        limit_option(
            "Gigabytes for what requests hold, for each process. Default: a share of what is free.",
            metavar="GB",
            least=0.001,
        ),
    ] = None
    max_turns: Annotated[int, limit_option("Pictures of a request.", metavar="N", least=1)] = 16
    max_pixels: Annotated[
        int, limit_option("That a request may have drawn in all.", metavar="N", least=1)
    ] = 64_000_000
    max_text_tokens: Annotated[
        int, limit_option("That a request may have written in all.", metavar="N", least=1)
    ] = 32_768
    max_body: Annotated[float, limit_option("Megabytes of a request.", metavar="MB", least=0.001)] = 64.0
    timeout: Annotated[
        float, limit_option("Seconds of a request, with its answer.", metavar="S", least=0.1)
    ] = 1800.0
    silence: Annotated[
        float,
        limit_option(
            "Seconds without a sign of life after which a model's process is ended and started again.",
            metavar="S",
            least=5,
        ),
    ] = 30.0
    drain: Annotated[
        float,
        limit_option("Seconds that are left to requests when the server is to end.", metavar="S", least=0),
    ] = 30.0


@dataclass(frozen=True)
class ServedPlans:
    """By which plans of steps requests go."""

    plan_name: Annotated[
        str | None,
        plan_option(
            "The plan that requests go by which name none, where it reads what they bring along. Default: "
            "the checkpoint's, if it has one.",
            "--plan",
            metavar="NAME|FILE",
        ),
    ] = None
    plans: Annotated[
        Path | None,
        plan_option(
            "A folder of plans of one's own, NAME.yaml, that requests may name besides those of irg plan "
            "list."
        ),
    ] = None


@dataclass(frozen=True)
class Scale:
    """Where and how many."""

    ray: Annotated[
        str | None,
        scale_option(
            "Serve by replicas, each with a model, on a Ray cluster: HOST:PORT, auto, or local for one on "
            "this machine.",
            metavar="ADDRESS",
        ),
    ] = None
    least_replicas: Annotated[int, scale_option("That are always there.", metavar="N", least=1)] = 1
    most_replicas: Annotated[int, scale_option("That there are at most.", metavar="N", least=1)] = 4
    replica_requests: Annotated[
        int, scale_option("Under way at each; with more, another is started.", metavar="N", least=1)
    ] = 16


def serve(
    ctx: typer.Context, choice: ModelChoice, access: Access, load: Load, plans: ServedPlans, scale: Scale
) -> None:
    """Serve a model to every client of OpenAI's API, thoughts and pictures as one stream, and a page at /.

    /v1/responses, /v1/chat/completions, /v1/images/generations, /v1/images/edits
    """
    if ctx.invoked_subcommand is not None:
        return
    serving = _serving(choice, access, load, plans, scale)
    serving.check()
    if scale.ray is not None:
        _replicate(serving, access.port, load.drain, scale)
        return
    with serving.listening(access.port) as listening:
        _say(serving, listening.getsockname()[1])
        serving.run(listening, load.drain)


def _replicate(serving: "Serving", port: int, drain: float, scale: Scale) -> None:
    from irg.serve.replicas import Replicas, running
    from irg.stages.cluster import Cluster

    assert scale.ray is not None
    replicas = Replicas(scale.least_replicas, scale.most_replicas, scale.replica_requests)
    with running(serving, Cluster(scale.ray, scale.most_replicas), replicas, port, drain):
        _say(serving, port)
        threading.Event().wait()


def _say(serving: "Serving", port: int) -> None:
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    name = serving.checkpoints[0].name or "the embedded model"
    err.print(f"serving {name} at http://{host}:{port}", markup=False, soft_wrap=True)


def _serving(choice: ModelChoice, access: Access, load: Load, plans: ServedPlans, scale: Scale) -> "Serving":
    from irg.serve.app import ServeSettings
    from irg.serve.front import Serving
    from irg.serve.gate import RequestBounds
    from irg.serve.limits import RequestLimits
    from irg.serve.plans import NamedPlans
    from irg.serve.remote import RemotePictures
    from irg.serve.service import Capacity, usual_workers

    choice.check_device()
    usual = usual_workers(choice.checkpoint) if scale.ray is None else 1
    return Serving(
        (choice.checkpoint,),
        access.host,
        access.file,
        Capacity(
            load.running,
            load.waiting,
            None if load.memory is None else int(load.memory * 1e9),
            workers=load.workers or usual,
            silence=load.silence,
        ),
        ServeSettings(
            fetch=RemotePictures().fetch if access.allow_remote_images else None,
            limits=RequestLimits(load.max_turns, load.max_pixels, load.max_text_tokens),
            plans=NamedPlans(plans.plans, plans.plan_name),
        ),
        RequestBounds(int(load.max_body * 1e6), seconds=load.timeout),
    )
