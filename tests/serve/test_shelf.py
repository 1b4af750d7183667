import threading

import pytest

from irg.serve.refusals import Refused
from irg.serve.shelf import Shelf, StoredAnswer


def kept(*pictures: str, size: int = 1) -> StoredAnswer:
    return StoredAnswer(b"x" * size, {name: place for place, name in enumerate(pictures)})


def test_what_was_stored_is_found_by_its_name_and_by_its_pictures() -> None:
    shelf = Shelf()
    shelf.put("me", "resp_1", kept("ig_1", "ig_2"))
    found = shelf.get("me", "resp_1")
    assert shelf.holding("me", "ig_2") == (found, 1)


@pytest.mark.parametrize("owner, name", [("me", "resp_2"), ("you", "resp_1")])
def test_what_is_not_there_or_not_yours_is_not_found(owner: str, name: str) -> None:
    shelf = Shelf()
    shelf.put("me", "resp_1", kept("ig_1"))
    with pytest.raises(Refused, match=name) as refused:
        shelf.get(owner, name)
    assert refused.value.status == 404 and refused.value.param == "previous_response_id"
    with pytest.raises(Refused, match="ig_1"):
        shelf.holding("you", "ig_1")


@pytest.mark.parametrize("shelf, size", [(Shelf(most=2), 1), (Shelf(most_bytes=25), 10)])
def test_the_oldest_make_room(shelf: Shelf, size: int) -> None:
    for number in range(3):
        shelf.put("me", f"resp_{number}", kept(size=size))
        shelf.get("me", "resp_0") if number == 1 else None
    assert shelf.get("me", "resp_0") and shelf.get("me", "resp_2")
    with pytest.raises(Refused):
        shelf.get("me", "resp_1")


def test_threads_look_while_others_put() -> None:
    shelf, failed, is_over = Shelf(most=50), [], threading.Event()

    def look() -> None:
        try:
            while not is_over.is_set():
                with pytest.raises(Refused):
                    shelf.holding("me", "no such")
        except RuntimeError as error:
            failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(3000):
        shelf.put("me", f"resp_{number}", kept("ig_1"))
    is_over.set()
    for thread in threads:
        thread.join()
    assert not failed
