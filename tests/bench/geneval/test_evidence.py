import json
from dataclasses import replace

from irg.bench.geneval.evidence import OBJECTS, VERDICT, as_evidence, objects_of, verdict_of
from irg.bench.protocol import EvidenceRow
from irg.scorers.geneval.verdict import DetectedObject
from tests.bench.geneval.samples import CUP, DOG, PROMPTS

RED = replace(CUP, colour="red")


def test_objects_come_back_from_their_row() -> None:
    evidence = as_evidence([(RED, [float(index) for index in range(10)]), (DOG, None)])
    assert objects_of(json.loads(json.dumps(evidence))) == [RED, DOG]
    assert evidence["objects"][0]["colours"] == list(range(10)) and "colours" not in evidence["objects"][1]


def test_the_verdict_follows_from_the_objects() -> None:
    def verdict(number: int, *objects: DetectedObject) -> bool:
        row = EvidenceRow(0, OBJECTS, as_evidence((one, None) for one in objects))
        return verdict_of(PROMPTS[number], {OBJECTS: row}).correct

    assert verdict(0, CUP) and not verdict(0, DOG)
    assert verdict(1, DOG, DOG) and not verdict(1, DOG) and not verdict(1, DOG, DOG, DOG)
    assert verdict(2, RED) and not verdict(2, replace(CUP, colour="blue"))
    assert verdict(3, CUP, DOG) and not verdict(3, replace(CUP, box=DOG.box), replace(DOG, box=CUP.box))


def test_the_official_codes_verdict_is_taken_as_it_is() -> None:
    row = EvidenceRow(0, VERDICT, {"correct": False, "reason": "one\nother"})
    found = verdict_of(PROMPTS[0], {VERDICT: row})
    assert not found.correct and found.reasons == ("one", "other")
