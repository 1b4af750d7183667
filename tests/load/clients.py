"""Clients that ask for one streamed episode after the other, and write down what came of each."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PROMPTS = (
    "three red stars and two blue hearts",
    "a green star above a yellow circle",
    "a large purple square",
    "two pink hearts",
    "an orange triangle below a blue square",
    "four small green circles",
)
_PATIENCE = 120.0
"""Seconds without a word after which an answer counts as failed."""


@dataclass(frozen=True)
class Answered:
    """An episode: when it ended, and the seconds until its first words, its first picture and its end."""

    ended: float
    first_words: float
    first_picture: float
    whole: float


@dataclass
class Client:
    """One client, and what it got."""

    address: str
    number: int
    token: str | None = None
    answers: list[Answered] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def work(self, until: Callable[[], bool]) -> None:
        """Ask again and again; an answer that has begun is heard to its end."""
        count = 0
        while not until():
            try:
                self.answers.append(self.ask(PROMPTS[(self.number + count) % len(PROMPTS)], seed=count))
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                time.sleep(0.2)
            count += 1

    def ask(self, prompt: str, seed: int) -> Answered:
        """Raises ValueError for an answer that is no whole episode, and what sockets raise."""
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=_PATIENCE)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps({"input": prompt, "seed": seed, "turns": 2, "stream": True})
        begun, seen = time.monotonic(), {}
        try:
            connection.request("POST", "/v1/responses", body, headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ValueError(f"status {answer.status}: {answer.read(300).decode(errors='replace')}")
            pictures = 0
            for line in answer:
                if not line.startswith(b"event: "):
                    continue
                name = line[7:].strip().decode()
                seen.setdefault(name, time.monotonic() - begun)
                pictures += name == "response.image_generation_call.completed"
        finally:
            connection.close()
        if "response.completed" not in seen or pictures != 2:
            raise ValueError(f"{pictures} pictures, and then {[*seen][-1] if seen else 'nothing'}")
        first_words, first_picture = (
            seen[f"response.{name}"] for name in ("reasoning_text.delta", "image_generation_call.completed")
        )
        return Answered(time.monotonic(), first_words, first_picture, time.monotonic() - begun)


def together(address: str, count: int, seconds: float, token: str | None = None) -> list[Client]:
    """So many clients at once, for so long."""
    clients = [Client(address, number, token) for number in range(count)]
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=client.work, args=(lambda: time.monotonic() >= end,)) for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients
