"""What answers came to, kept to go on from: in memory, the oldest making room for the newest."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from irg.serve.refusals import not_found


@dataclass(frozen=True, eq=False)
class StoredAnswer:
    """An answer that was stored."""

    course: bytes
    """The pickled course of its episode."""
    pictures: dict[str, int]
    """The ids of its pictures, and the turns of the course that drew them."""


class Shelf:
    """Stored answers by their ids, as many and as large as it has room for. Threads, in which requests are
    understood, may use it at once."""

    def __init__(self, most: int = 1000, most_bytes: int = 1 << 30) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._kept: OrderedDict[tuple[str, str], StoredAnswer] = OrderedDict()
        self._alone = threading.Lock()

    @property
    def num_bytes(self) -> int:
        return sum(len(one.course) for one in self._kept.values())

    def put(self, owner: str, name: str, kept: StoredAnswer) -> None:
        with self._alone:
            self._kept[owner, name] = kept
            while len(self._kept) > self.most or (len(self._kept) > 1 and self.num_bytes > self.most_bytes):
                self._kept.popitem(last=False)

    def get(self, owner: str, name: str) -> StoredAnswer:
        """Raises Refused for one that is not there, or that somebody else had stored."""
        with self._alone:
            if (found := self._kept.get((owner, name))) is not None:
                self._kept.move_to_end((owner, name))
                return found
        words = f"there is no stored response {name!r}: send it with store: true to go on from it"
        raise not_found(words, "previous_response_not_found", "previous_response_id")

    def holding(self, owner: str, picture: str) -> tuple[StoredAnswer, int]:
        """The stored answer with a picture of this id, and its turn. Raises Refused where there is none."""
        with self._alone:
            for (whose, _), kept in reversed(self._kept.items()):
                if whose == owner and picture in kept.pictures:
                    return kept, kept.pictures[picture]
        words = f"there is no stored picture {picture!r}: send its result, or store the response it is of"
        raise not_found(words, "item_not_found", "input")
